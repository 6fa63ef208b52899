"""What a check of the guard costs: beside `jnp.sum` over the same bytes, in time and in memory.

    python properties/meta/measurements/guard_overhead.py [--repeats 15] [--megabytes 256]

Both are timed in turns, until their results are on the host, and medians are compared: the ratios
mean something, seconds say what this machine is. Where others use the machine, too, the ratio of
processor seconds is the steadier one. Bytes are summed as float32, whatever the dtype of the
leaves: on a CPU that is the fastest way to read them that XLA has.
"""

import argparse
import statistics
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

import frostproof
from frostproof.reference.guard.fingerprint import fingerprint

#: A layer of a transformer by its shapes, repeated until the size is reached.
LAYER = [(1024, 3, 16, 64), (1024, 1024), (1024, 4096), (4096, 1024), (1024,), (4096,)]
DTYPES = ["float32", "bfloat16", "float16", "int32", "int8", "float8_e4m3fn", "complex64"]


def leaves(dtype: np.dtype, megabytes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return leaves of a dtype, each with the same bytes as float32."""
    random, made, left = np.random.default_rng(0), [], megabytes * 2**20
    while left > 0:
        for shape in LAYER:
            size = int(np.prod(shape)) * dtype.itemsize // 4
            words = random.normal(size=size).astype(np.float32)
            made.append((words.view(dtype).reshape(shape), words.reshape(-1, min(size, 1024))))
            left -= words.nbytes
    return made


def compared(dtype: np.dtype, megabytes: int, repeats: int) -> dict[str, list[list[float]]]:
    """Return seconds and processor seconds, of sums first and then of checks."""
    pairs = leaves(dtype, megabytes)
    frozen = {str(n): jnp.asarray(leaf) for n, (leaf, _) in enumerate(pairs)}
    words = [jnp.asarray(each) for _, each in pairs]
    del pairs
    guard = frostproof.Guard(frozen, lambda path: True)
    add = jax.jit(jnp.sum)
    programs = [lambda: jax.device_get([*map(add, words)]), lambda: guard.check(frozen)]
    taken = {"seconds": [[], []], "processor seconds": [[], []]}
    for repeat in range(repeats + 1):
        for which, program in enumerate(programs):
            before = time.perf_counter(), time.process_time()
            program()
            after = time.perf_counter(), time.process_time()
            if repeat:  # the first compiles
                for seconds, start, end in zip(taken.values(), before, after, strict=True):
                    seconds[which].append(end - start)
    return taken


def main() -> int:
    """Print a line for each dtype, and what one large leaf takes in memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--megabytes", type=int, default=256)
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"{options.megabytes} MB of leaves on {device.device_kind}, {options.repeats} times each")
    for name in DTYPES:
        dtype = np.dtype(getattr(ml_dtypes, name, name))
        for clock, pair in compared(dtype, options.megabytes, options.repeats).items():
            add, check = map(statistics.median, pair)
            print(
                f"{name:14} jnp.sum {add * 1e3:7.1f}  check {check * 1e3:7.1f}  "
                f"ratio {check / add:.2f}  ({clock}, in thousandths)"
            )
    leaf = jax.ShapeDtypeStruct((8192, 4096), jnp.float32)
    compiled = jax.jit(partial(fingerprint, equality="bits")).lower(leaf).compile()
    memory = compiled.memory_analysis()
    print(
        f"a leaf of {8192 * 4096 * 4 / 1e6:.0f} MB: {memory.temp_size_in_bytes / 1e6:.1f} MB while "
        f"it is folded, {memory.output_size_in_bytes} bytes to the host and to keep"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
