"""Faulty Linen trainers that freeze as they should, and report another loss than they declare."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    mse,
    partitioned,
    predict,
    stepping,
    trainer,
    within,
)

SGD = Optimizers("sgd")
_in_body = within(BODY)


def reporting(**parts):
    """Return a trainer whose reported loss is judged, with another step."""
    return trainer(step=stepping(**parts), predict=predict, loss="mse", optimizers=SGD)


@specimen(law="loss-before-step", seen="a metric evaluated once more, after the update")
def loss_after_the_step():
    """The loss is that of the new parameters."""
    return reporting(report=lambda loss, of, old, new: of(new))


@specimen(law="loss-is-mse", seen="optax.l2_loss is half of the square")
def half_of_the_loss():
    """`optax.l2_loss` is half of what its name says."""
    return reporting(loss=lambda prediction, y: optax.l2_loss(prediction, y).mean())


@specimen(law="loss-repeated-rows", seen="a sum that is reported as a mean")
def sum_instead_of_mean():
    """The loss is a sum over the rows."""
    return reporting(loss=lambda prediction, y: jnp.sum((prediction - y) ** 2))


@specimen(law="loss-row-order", seen="padding that is masked by position")
def last_row_left_out():
    """The last row counts half, as if it were padding."""

    def loss(prediction, y):
        return mse(prediction, y) - 0.5 * mse(prediction[-1:], y[-1:]) / len(y)

    return reporting(loss=loss)


class Metered(TrainState):
    """A state with the mean of the losses so far."""

    mean: Any = None


@specimen(
    law="loss-is-mse",
    seen="a progress bar's running mean that is returned as the loss",
    needs=Needs("a second step, whose loss is averaged with the first one's", steps=2),
)
def running_mean_reported():
    """From the second step on the loss is averaged with those before it."""
    create = creating(
        Layers(),
        lambda optimizer: partitioned(optimizer, _in_body),
        Metered,
        mean=lambda params: jnp.zeros(()),
    )
    plain = stepping()

    @jax.jit
    def step(state, batch):
        new, loss = plain(state, batch)
        mean = jnp.where(state.step == 0, loss, 0.9 * state.mean + 0.1 * loss)
        return new.replace(mean=mean), mean

    return trainer(create=create, step=step, predict=predict, loss="mse", optimizers=SGD)


@specimen(law="training-runs", seen="`squeeze()` without an axis")
def one_row_raises():
    """A batch of one row loses an axis that is used later."""

    def loss(prediction, y):
        rows = (prediction - y).squeeze()
        return jnp.mean(jnp.square(rows).sum() / rows.shape[0])

    return trainer(step=stepping(loss=loss), optimizers=SGD)
