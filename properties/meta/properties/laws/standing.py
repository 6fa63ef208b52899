"""What is said of a trainer by the law that leaves train, and by the laws of losses."""

import functools
from typing import Any

import jax
from flax.training.train_state import TrainState

from frostproof import Optimizers, verify
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    predict,
    trainer,
    within,
)

LOSSES = ["loss-is-mse", "loss-before-step", "loss-row-order", "loss-repeated-rows"]


def standing_of(subject):
    """The verdict of that law, and its reason."""
    (row,) = verify(subject, laws=["trainable-moves"], max_examples=4, seed=1).rows
    return row.verdict, row.reason


def judged(subject, laws=LOSSES):
    """The verdicts of these laws, each with its reason."""
    return {(row.verdict, row.reason) for row in verify(subject, laws=laws, max_examples=8).rows}


class Keyed(TrainState):
    """A state with a random key."""

    key: Any = None


def keyed(step):
    """A trainer with a key in its state."""

    @functools.cache
    def freeze(optimizer):
        return partitioned(optimizer, within(("body",)))

    create = creating(Layers(), freeze, Keyed, key=lambda params: jax.random.PRNGKey(3))
    declared = {"predict": predict, "loss": "mse", "optimizers": Optimizers("sgd")}
    return trainer(create=create, step=step, **declared)
