"""Faulty trainers that keep averages of their parameters: those of a frozen body do not stay."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    mse,
    partitioned,
    stepping,
    trainer,
    within,
)

SGD = Optimizers("sgd")
INERT = ("selected", "value", "inert")
_in_body = within(BODY)
_net = Layers()


class Averaged(TrainState):
    """A state with a moving average of the parameters, and how often it moved."""

    average: Any = None


@specimen(law="frozen-copies", seen="an average whose decay is warmed up in one of its two weights")
def weights_do_not_sum_to_one():
    """The average is 0.99·a + 0.02·p, and grows by a hundredth in each step."""

    def track(old, new):
        average = jax.tree.map(lambda a, p: 0.99 * a + 0.02 * p, old.average, new.params)
        return new.replace(average=average)

    create = creating(
        _net,
        lambda optimizer: partitioned(optimizer, _in_body),
        Averaged,
        average=lambda params: params,
    )
    return trainer(create=create, step=stepping(after=track), optimizers=SGD, promise=INERT)


class Training:
    """A training in its own object, which changes in place."""

    def __init__(self, params, tx):
        """Begin with the parameters for an average."""
        self.params, self.average = params, params
        self.tx, self.opt_state = tx, tx.init(params)


@jax.jit
def _gradients(params, batch):
    return jax.value_and_grad(lambda p: mse(_net.apply({"params": p}, batch.x), batch.y))(params)


@specimen(law="frozen-copies", seen="averages debiased like Adam's moments, though they start full")
def average_corrected_in_an_object():
    """The average in an object is divided by 1 − d, as if it had started at zero."""

    def create(seed, batch, optimizer):
        params = _net.init(jax.random.key(seed), batch.x)["params"]
        return Training(params, partitioned(optimizer, _in_body))

    def step(training, batch):
        loss, grads = _gradients(training.params, batch)
        updates, training.opt_state = training.tx.update(grads, training.opt_state, training.params)
        training.params = optax.apply_updates(training.params, updates)
        mixed = optax.incremental_update(training.params, training.average, 0.1)
        training.average = jax.tree.map(lambda leaf: leaf / jnp.float32(0.9), mixed)
        return training, loss

    return LinenTrainer(create, step, frozen=BODY, optimizers=SGD, promise=INERT)
