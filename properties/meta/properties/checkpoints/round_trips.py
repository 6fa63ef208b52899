"""Drawn pairs of checkpoints in drawn formats: what is frozen in them is known, so is a verdict.

    python properties/meta/properties/checkpoints/round_trips.py [--examples 2000] [--seed 0]

Each example saves a drawn tree in one format and what a correct run made of it in another, and
judges the two: whatever is refuted is a false alarm. Then one element of a frozen leaf is moved by
one bit: what is not refuted was missed. Orbax is given leaves that lie on up to four devices, each
checkpoint laid out anew. Prints how many of each there were.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from frostproof.properties.checkpoints.judging import Plan, judge
from frostproof.properties.checkpoints.verdicts import verdicts
from frostproof.properties.meta.reference.checkpoints.saving import (
    FORMATS,
    holds,
    save,
    skeleton,
)
from frostproof.reference.checkpoints.formats import open_checkpoint

_DTYPES = [np.dtype(each) for each in (np.float32, np.float16, np.float64, ml_dtypes.bfloat16)]
_SHAPES = [(), (1,), (3,), (0,), (4, 5), (1, 7), (2, 3, 4), (17, 8)]
#: Onto how many devices, by rows and by columns, leaves are divided.
_MESH = (2, 2)
_NAMES = ["l1", "l11", "kernel", "bias", "0", "scale"]
#: What a random array hardly holds.
_SPECIAL = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, 1e-6)


@st.composite
def pairs(draw):
    """Draw two formats, a tree that both hold, which of its leaves are frozen, and layouts."""
    forms = draw(st.tuples(st.sampled_from(FORMATS), st.sampled_from(FORMATS)))
    paths = draw(
        st.lists(
            st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3).map(tuple),
            min_size=1, max_size=6, unique=True,
        )
    )  # fmt: skip
    # No path may be the beginning of another one.
    paths = [path for path in paths if not any(p != path and p == path[: len(p)] for p in paths)]
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tree = {}
    for path in paths:
        array = _array(draw, random)
        if all(holds(form, array) for form in forms):
            tree[path] = array
    tree["w",] = random.standard_normal(2).astype(np.float32)
    frozen = [path for path in tree if draw(st.booleans())] or [next(iter(tree))]
    layouts = [{path: _layout(draw, array) for path, array in tree.items()} for _ in forms]
    return forms, tree, frozen, layouts


def _layout(draw, array):
    """Draw the axes of the mesh by which each axis of a leaf is divided."""
    left, layout = [("rows", _MESH[0]), ("columns", _MESH[1])], []
    for size in array.shape:
        fitting = [each for each in left if size and size % each[1] == 0]
        chosen = draw(st.sampled_from([*fitting, None]))
        left = [each for each in left if each != chosen]
        layout.append(chosen and chosen[0])
    return layout


def laid_out(form, tree, layout):
    """Return the tree as a run on several devices holds it, for the format that saves it so."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    if not form.startswith("orbax"):
        return tree
    mesh = jax.make_mesh(_MESH, ("rows", "columns"))
    return {
        path: array
        if array.dtype == np.float64  # JAX would make a float32 of it
        else jax.device_put(array, NamedSharding(mesh, PartitionSpec(*layout[path])))
        for path, array in tree.items()
    }


def _array(draw, random):
    dtype, shape = draw(st.sampled_from(_DTYPES)), draw(st.sampled_from(_SHAPES))
    array = np.array(random.standard_normal(shape)).astype(dtype)
    for special in draw(st.lists(st.sampled_from(_SPECIAL), max_size=3)):
        if array.size:
            array.reshape(-1)[random.integers(array.size)] = special
    return array


def _whole(array):
    return isinstance(array, np.ndarray) or array.is_fully_replicated


def trained(tree, frozen):
    """Return the tree after a correct run: every element of what is not frozen has other bits."""
    moved = {}
    for path, array in tree.items():
        moved[path] = array
        if path not in frozen:
            bits = array.reshape(-1).view(f"u{array.itemsize}")
            moved[path] = (bits ^ np.array(1, bits.dtype)).view(array.dtype).reshape(array.shape)
    return moved


def spoiled(tree, frozen):
    """Return the tree with one bit of one frozen leaf changed; None if all are empty."""
    for path in frozen:
        if tree[path].size:
            array = tree[path].copy()
            array.reshape(-1).view(np.uint8)[0] ^= 1
            return tree | {path: array}
    return None


def refuted(before, after, tree, frozen):
    """Return the laws that are refuted on two checkpoints."""
    likes = skeleton(tree)
    with open_checkpoint(before, likes) as old, open_checkpoint(after, likes) as new:
        found = judge(Plan.of(old.leaves, new.leaves, ["/".join(path) for path in frozen]))
        # An empty leaf has no bit that could move.
        still = {each.path for each in found if each.pair.after and not each.pair.after.size}
        return {
            law.id for law, verdict in verdicts(found, still, {}) if verdict.outcome == "refuted"
        }


def count(examples: int, number: int) -> Counter[str]:
    """Judge so many examples, and count false alarms and missed faults."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax warns of small chunks at each save
    seen: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(pairs())
    def run(drawn):
        forms, tree, frozen, (first, second) = drawn
        folder = Path(tempfile.mkdtemp())
        try:
            before = laid_out(forms[0], tree, first)
            save(forms[0], before, folder / "before")
            after = trained(tree, frozen)
            save(forms[1], laid_out(forms[1], after, second), folder / "after")
            seen["examples"] += 1
            seen["divided"] += any(not _whole(array) for array in before.values())
            seen[f"{forms[0]} → {forms[1]}"] += 1
            if refuted(folder / "before", folder / "after", tree, frozen):
                seen["false alarms"] += 1
            wrong = spoiled(after, frozen)
            if wrong is not None:
                save(forms[1], laid_out(forms[1], wrong, second), folder / "wrong")
                seen["faults"] += 1
                if "frozen-bits" not in refuted(folder / "before", folder / "wrong", tree, frozen):
                    seen["missed"] += 1
        finally:
            shutil.rmtree(folder)

    run()
    return seen


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # Read when JAX first looks for its devices.
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
    seen = count(options.examples, options.seed)
    forms = sum(" → " in name for name in seen)
    print(
        f"{seen['examples']} correct pairs in {forms} pairs of formats, the first "
        f"of {seen['divided']} with leaves divided over devices: "
        f"{seen['false alarms']} false alarms; {seen['faults']} with one bit changed: "
        f"{seen['missed']} missed"
    )


if __name__ == "__main__":
    main()
