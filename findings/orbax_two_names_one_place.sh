#!/usr/bin/env bash
# Orbax 0.12.8: `{"a.b": x, "a": {"b": y}}` is saved without a word, and only one of x and y is kept, now
# the one and now the other.
#
# Expected: a checkpoint holds each leaf of the tree that was saved. Names with a slash, of the same
# shape, do. A name that cannot be stored is refused, and restoring into the tree that was saved, which
# checks names and shapes, finds that all is well or raises.
#
# What happens: a leaf is stored under its keys, joined by dots. Two leaves with the same joined name are
# both written there, at the same time, and the last one to finish stays. Both are listed in the metadata,
# both are read from there, and the restored tree has the names and shapes of the saved one. Only if the
# two differ in shape the save fails, with a message of the storage layer.
#
# For a freeze: the frozen weights under the flat names of the file that they came from, beside the tree
# of what trains, is such a tree. Which of the two survives is a matter of luck, so that a test which
# restores once can pass. Keep flat names below a key of their own, or replace the dots.

packages=(orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp


def restored(tree):
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder + "/state", tree)
        checkpointer.wait_until_finished()
        return checkpointer.restore(folder + "/state", tree)


def report(name, tree):
    frozen, trained = jnp.zeros(3), jnp.ones(3)
    saved = tree(frozen, trained)
    intact = structures = 0
    for _ in range(10):
        back = restored(saved)
        structures += jax.tree.structure(back) == jax.tree.structure(saved)
        leaves = zip(jax.tree.leaves(back), jax.tree.leaves(saved), strict=True)
        intact += all(np.array_equal(one, other) for one, other in leaves)
    print(f"{name}: of 10 saved, the structure came back {structures} times, the leaves {intact} times")


report("dots", lambda frozen, trained: {"dense.kernel": frozen, "dense": {"kernel": trained}})
report("list", lambda frozen, trained: {"blocks.0": frozen, "blocks": [trained]})
report("slash", lambda frozen, trained: {"dense/kernel": frozen, "dense": {"kernel": trained}})
report("apart", lambda frozen, trained: {"flat": {"dense.kernel": frozen}, "dense": {"kernel": trained}})
PYTHON
)

expected=$(cat <<'TEXT'
dots: of 10 saved, the structure came back 10 times, the leaves 0 times
list: of 10 saved, the structure came back 10 times, the leaves 0 times
slash: of 10 saved, the structure came back 10 times, the leaves 10 times
apart: of 10 saved, the structure came back 10 times, the leaves 10 times
TEXT
)

. "$(dirname "$0")/judge.bash"
