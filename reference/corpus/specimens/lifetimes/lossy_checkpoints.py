"""Faulty trainers whose own `save` and `load` leave something out, or change it."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx, serialization

from frostproof import Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as linen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as nnx_recipe

MOMENTUM = Optimizers("momentum", rates=(0.1,))
RESUMED = Needs("a step before the checkpoint, and one from it", steps=2)


def saving(part, whole=lambda state, part: part):
    """Return a trainer that saves a part of its state, and puts it back into a whole."""

    def save(state, folder):
        (pathlib.Path(folder) / "state").write_bytes(serialization.to_bytes(part(state)))

    def load(state, folder):
        read = (pathlib.Path(folder) / "state").read_bytes()
        return whole(state, serialization.from_bytes(part(state), read))

    return linen.trainer(optimizers=MOMENTUM, save=save, load=load)


@specimen(
    law="restored-equals-saved",
    seen="scripts that save `params`, and resume from them",
    needs=RESUMED,
)
def momentum_left_out():
    """The parameters are saved, and the optimizer starts anew."""
    return saving(lambda state: state.params, lambda state, params: state.replace(params=params))


@specimen(law="restored-equals-saved", seen="checkpoints kept in half precision", needs=RESUMED)
def weights_saved_in_half_precision():
    """The weights are saved in float16."""

    def part(state):
        halved = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), state.params)
        return state.replace(params=halved)

    def whole(state, read):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), read.params)
        return read.replace(params=wide)

    return saving(part, whole)


def keeping(save, load):
    """Return an NNX trainer that leaves a layer out of its optimizer, with its own checkpoint."""
    return nnx_recipe.filtering(optimizers=MOMENTUM, save=save, load=load)


def save_leaves(tree, folder):
    """Save the arrays of a tree in their order."""
    np.savez(f"{folder}/leaves.npz", *map(np.asarray, jax.tree.leaves(tree)))


def load_leaves(tree, folder):
    """Return the same tree with the arrays that were saved."""
    with np.load(f"{folder}/leaves.npz") as read:
        leaves = [jnp.asarray(read[name]) for name in read.files]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


@specimen(
    law="restored-equals-saved",
    seen="layers that are found by their type as they are saved",
    needs=RESUMED,
)
def head_left_out():
    """The frozen layer is saved, with the optimizer, and the one that trains is not."""
    saved = nnx.Not(nnx.PathContains("l2"))

    def save(model, optimizer, folder):
        save_leaves((nnx.state(model, saved), nnx.state(optimizer)), folder)

    def load(model, optimizer, folder):
        parts = (nnx.state(model, saved), nnx.state(optimizer))
        for part, read in zip((model, optimizer), load_leaves(parts, folder), strict=True):
            nnx.update(part, read)

    return keeping(save, load)


@specimen(
    law="restored-equals-saved",
    seen="`flax.serialization`, which knows no module of NNX",
    needs=RESUMED,
)
def load_that_raises():
    """The state is saved as it is, and read into the model alone: it has other leaves."""

    def save(model, optimizer, folder):
        save_leaves(nnx.state((model, optimizer)), folder)

    def load(model, optimizer, folder):
        nnx.update(model, load_leaves(nnx.state(model), folder))

    return keeping(save, load)
