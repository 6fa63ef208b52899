"""How fast two checkpoints are compared, beside what the libraries alone would take for it.

    python properties/meta/measurements/checkpoint_speed.py [--gigabytes 4] [--formats NAME…]

Makes a pair of checkpoints of that size each, of which a tenth of the leaves moved, and prints
ratios: above 1 frostproof is faster. Both sides run in turn in their own processes, the files in
the page cache; the best of three counts. Peak memory is that of the process, against 1.3 times the
largest leaf of each side and 300 MB. Flax holds all of a msgpack file in memory to write it: give
that format no more than the machine has.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

#: The bytes of most leaves, and of the largest one.
_LEAF, _LARGEST = 64 << 20, 256 << 20
_RUNS = 3

_PROGRAMS = {
    "numpy": """
for name in names:
    before, after = (np.fromfile(f"{folder}/raw-{side}/{name}", np.float32) for side in "ba")
    np.array_equal(before, after)
""",
    "numpy zip": """
with np.load(before) as before, np.load(after) as after:
    for name in names:
        np.array_equal(before[name], after[name])
""",
    "pytorch": """
before, after = (torch.load(p, weights_only=True, mmap=True) for p in (before, after))
for name in names:
    torch.equal(before[name], after[name])
""",
    "orbax": """
import jax, orbax.checkpoint as ocp
with ocp.StandardCheckpointer() as checkpointer:
    for place in (before, after):
        restored = checkpointer.restore(place)
        jax.block_until_ready(restored)
        del restored
""",
    "diff": """
import argparse
from frostproof.reports.cli.main import main
main(["diff", before, after, "--frozen", *frozen])
""",
}
_FRAME = """
import re, sys, time, json
import numpy as np
folder, names, frozen, before, after = json.loads(sys.argv[1])
{imports}
began = time.perf_counter()
{program}
seconds = time.perf_counter() - began
# Not `ru_maxrss`, in which a new process begins with the peak of the one that started it.
peak = re.search("VmHWM: *(.*) kB", open("/proc/self/status").read().replace("\t", " "))[1]
print(json.dumps([seconds, int(peak)]))
"""
#: What is imported before the clock starts: how long imports take says nothing of the comparison.
_IMPORTS = {
    "orbax": "import jax, orbax.checkpoint",
    "pytorch": "import torch",
    "diff": (
        "import frostproof.reports.diff.command, orbax.checkpoint, tensorstore, safetensors, torch"
    ),
}


def make(folder: Path, gigabytes: float) -> dict[str, int]:
    """Write the pair as raw files, and return the sizes of the leaves."""
    count = max(1, round((gigabytes * 1e9 - _LARGEST) / _LEAF))
    sizes = {"frozen0": _LARGEST} | {
        f"{'head' if number % 10 == 9 else 'frozen'}{number}": _LEAF for number in range(1, count)
    }
    random = np.random.default_rng(0)
    for side in "ba":
        (folder / f"raw-{side}").mkdir()
    for name, size in sizes.items():
        array = random.standard_normal(size // 4, dtype=np.float32)
        array.tofile(folder / "raw-b" / name)
        if name.startswith("head"):
            array += np.float32(0.01)
        array.tofile(folder / "raw-a" / name)
    return sizes


def save_pair(folder: Path, form: str, names: list[str]) -> list[str]:
    """Save the pair in a format, from its raw files, in processes that end with their memory."""
    program = (
        "import json, sys; import numpy as np; "
        "from frostproof.properties.meta.reference.checkpoints.saving import save; "
        "from pathlib import Path; folder, form, names, side, place = json.loads(sys.argv[1]); "
        "raw = {(n,): np.memmap(f'{folder}/raw-{side}/{n}', np.float32, 'r') for n in names}; "
        "save(form, {p: a.reshape(-1, 1024) for p, a in raw.items()}, Path(place))"
    )
    places = [str(folder / f"{form}-{side}") for side in "ba"]
    for side, place in zip("ba", places, strict=True):
        arguments = json.dumps([str(folder), form, names, side, place])
        subprocess.run([sys.executable, "-c", program, arguments], check=True, capture_output=True)
    return places


def measure(program: str, arguments: list[object]) -> tuple[float, float]:
    """Return the best time, in seconds, and the peak memory, in bytes, of a few runs."""
    frame = _FRAME.format(imports=_IMPORTS.get(program, ""), program=_PROGRAMS[program])
    runs = []
    for _ in range(_RUNS):
        command = [sys.executable, "-c", frame, json.dumps(arguments)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(run.stdout.splitlines()[-1]))
    return min(seconds for seconds, _ in runs), max(peak for _, peak in runs) * 1024


def main() -> None:
    """Make the pair, measure both sides in turn, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument(
        "--formats", nargs="+", default=["safetensors", "msgpack", "npz", "pytorch", "orbax"]
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        sizes = make(folder, options.gigabytes)
        frozen = [name for name in sizes if name.startswith("frozen")]
        bound = 1.3 * 2 * max(sizes.values()) + 300e6
        print(f"{sum(sizes.values()) / 1e9:.2f} GB each, {len(sizes)} leaves")
        for form, alone, least in (
            ("safetensors", "numpy", 0.7),
            ("msgpack", "numpy", 0.7),
            ("npz", "numpy zip", 0.7),
            ("pytorch", "pytorch", 0.7),
            ("orbax", "orbax", 0.8),
        ):
            if form not in options.formats:
                continue
            places = save_pair(folder, form, list(sizes))
            arguments = [str(folder), list(sizes), frozen, *places]
            theirs, their_peak = measure(alone, arguments)
            ours, peak = measure("diff", arguments)
            for place in places:
                shutil.rmtree(place) if Path(place).is_dir() else Path(place).unlink()
            print(
                f"{form:12} {ours:6.2f} s, {alone} alone {theirs:6.2f} s: "
                f"ratio {theirs / ours:.2f} (at least {least}); "
                f"peak {peak / 1e6:.0f} of {bound / 1e6:.0f} MB, {alone} {their_peak / 1e6:.0f} MB",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
