"""A program for four devices: one leaf, however it is shared out, has one fingerprint."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import frostproof
from frostproof.reference.guard.fingerprint import fingerprint

RAW = np.random.default_rng(0).integers(2**32, size=2**18, dtype=np.uint32)
LEAVES = [
    RAW.view(np.float32).reshape(64, 4096),
    RAW.view(jnp.bfloat16).reshape(64, 64, 128),
    RAW.view(np.int8),
    RAW.view(np.float32)[:4004].reshape(4, 1001),
]
SPECS = [("x",), ("y",), (("x", "y"),), (None, "x"), ("y", "x"), ("x", "y")]
OF = jax.jit(partial(fingerprint, equality="bits"))


def shardings(leaf):
    """Yield the ways to share out a leaf over meshes of automatic and explicit axes."""
    for kind in (AxisType.Auto, AxisType.Explicit):
        for shape in ((4, 1), (2, 2)):
            mesh = jax.make_mesh(shape, ("x", "y"), axis_types=(kind, kind))
            for spec in SPECS[: 3 * leaf.ndim]:
                sharding = NamedSharding(mesh, PartitionSpec(*spec))
                cut = zip(leaf.shape, parts(mesh, spec), strict=False)
                if all(size % number == 0 for size, number in cut):
                    yield sharding


def parts(mesh, spec):
    """Return into how many parts each axis is cut."""
    named = [(axes,) if isinstance(axes, str) else axes or () for axes in spec]
    return [int(np.prod([mesh.shape[axis] for axis in axes])) for axes in named]


def largest_message(compiled):
    """Return how many elements the largest collective operation of a program sends."""
    operations = re.findall(r"= (?:\()?\w+\[([\d,]*)\]\S* (?:all|collective)-", compiled.as_text())
    return max(
        (int(np.prod([*map(int, filter(None, o.split(",")))])) for o in operations), default=0
    )


def main():
    """Compare every way with the unshared leaf, and let a guard see one moved element."""
    tried = 0
    for leaf in LEAVES:
        expected = np.asarray(OF(leaf))
        for sharding in shardings(leaf):
            shared = jax.device_put(leaf, sharding)
            compiled = OF.lower(shared).compile()
            seen = compiled(shared)
            assert np.array_equal(seen, expected), sharding
            assert seen.is_fully_replicated, sharding
            if leaf.shape[-1] % 128 == 0:
                assert largest_message(compiled) <= leaf.nbytes / 4 / 128, sharding
                assert compiled.memory_analysis().temp_size_in_bytes < leaf.nbytes / 32, sharding
            tried += 1

    mesh = jax.make_mesh((4,), ("x",))
    shared = jax.device_put(LEAVES[0], NamedSharding(mesh, PartitionSpec("x")))
    guard = frostproof.Guard({"frozen": shared}, ("frozen",))
    elsewhere = jax.device_put(shared, NamedSharding(mesh, PartitionSpec(None, "x")))
    guard.check({"frozen": elsewhere})
    check = jax.jit(lambda leaf: guard.check({"frozen": leaf}))
    guard.check(check(shared))
    other = LEAVES[0].copy()
    other[63, 4095] += 1
    moved = jax.device_put(other, shared.sharding)
    for look in (lambda: guard.check({"frozen": moved}), lambda: guard.check(check(moved))):
        with pytest.raises(AssertionError, match="frozen: moved"):
            look()
    assert tried > 50
    print(f"all ways agree on {jax.device_count()} devices")


if __name__ == "__main__":
    main()
