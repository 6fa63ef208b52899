"""Weights that are put in place from outside are not drawn where a step takes others for them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from frostproof import Optimizers
from frostproof.reference.corpus.accepted.trainers.linen_states import quantised_weights
from frostproof.reference.corpus.accepted.trainers.linen_steps import multi_transform
from frostproof.reference.corpus.accepted.trainers.parts_of_arrays import (
    last_layer_trains,
    pruned_weights_stay_zero,
)
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import stepping
from frostproof.reference.subjects.capability import Capability
from frostproof.reference.trials.probe import probe


def put(state, params):
    return state.replace(params=params)


def rounded(leaf):
    return jnp.round(64 * leaf) / 64


def create_small(seed, batch, optimizer):
    state = multi_transform.create(seed, batch, optimizer)
    return state.replace(params=jax.tree.map(lambda leaf: leaf / 4, state.params))


begun_small = replace(multi_transform, create=create_small)


def stepping_to(change, program=multi_transform):
    """Change all weights after a step, frozen ones as well."""
    return replace(
        program,
        train_step=stepping(
            after=lambda _, new: new.replace(params=jax.tree.map(change, new.params))
        ),
        optimizers=Optimizers("sgd"),
    )


@pytest.mark.parametrize(
    ("program", "taken"),
    [
        (last_layer_trains, True),
        (pruned_weights_stay_zero, False),
        (quantised_weights, False),
        # Weights of `create` are not round ones, and are not left alone either.
        (stepping_to(rounded), True),
        # Fresh biases are zeros, which are round: those that somebody loads are not.
        (stepping_to(lambda leaf: leaf if leaf.ndim > 1 else rounded(leaf)), True),
        # It moves those beyond it alone: weights that somebody loads may be.
        (stepping_to(lambda leaf: jnp.clip(leaf, -0.5, 0.5), begun_small), True),
        # It goes on, from all but round ones.
        (stepping_to(lambda leaf: leaf + (leaf - rounded(leaf)) / 64, quantised_weights), True),
        (stepping_to(lambda leaf: leaf * 1.01), True),
    ],
    ids=[
        "kept",
        "pruned",
        "round from the start",
        "rounded",
        "rounded biases",
        "clamped",
        "leaking",
        "moved",
    ],
)
@pytest.mark.parametrize("with_params", [None, put], ids=["by its state", "by its function"])
def test_weights_are_put_where_they_stay(program, taken, with_params):
    """Weights that were pruned or quantised are so again after each step."""
    own = program if program.with_params else replace(program, with_params=with_params)

    assert (Capability.WITH_PARAMS in probe(own).capabilities) is taken
