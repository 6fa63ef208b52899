"""Faulty Linen trainers that freeze as they should, and report another loss than they declare."""

import jax.numpy as jnp
import optax

from frostproof import Optimizers
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    mse,
    predict,
    stepping,
    trainer,
)

SGD = Optimizers("sgd")


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


@specimen(law="training-runs", seen="`squeeze()` without an axis")
def one_row_raises():
    """A batch of one row loses an axis that is used later."""

    def loss(prediction, y):
        rows = (prediction - y).squeeze()
        return jnp.mean(jnp.square(rows).sum() / rows.shape[0])

    return trainer(step=stepping(loss=loss), optimizers=SGD)
