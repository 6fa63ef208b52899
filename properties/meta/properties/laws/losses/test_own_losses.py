"""A loss of the user's own is judged within the bound that its rounding allows, and not beyond."""

import functools
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax

from frostproof import verify
from frostproof.properties.laws.losses import expected_loss
from frostproof.properties.meta.properties.laws.standing import LOSSES, judged
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    stepping,
    within,
)


def test_a_loss_of_the_users_own_is_judged_until_the_weights_move(plain):
    """The rate begins at zero, so that the loss after the update is right in the first step."""

    def mse(answer, y):
        return np.mean((answer - y) ** 2)

    @functools.cache
    def warming(optimizer):
        rates = optax.scale_by_schedule(lambda count: jnp.minimum(count, 1.0))
        return partitioned(optax.chain(optimizer, rates), within(("body",)))

    late = stepping(report=lambda loss, of, old, new: of(new))
    warm = replace(plain, create=creating(Layers(), warming), loss=mse)

    assert judged(warm, LOSSES[:2]) == {("held", None)}
    for verdict, reason in judged(replace(warm, train_step=late), LOSSES[:2]):
        assert verdict == "refuted"
        assert " at step 2, expected" in reason


def test_a_small_loss_is_rounded_as_what_it_is_a_difference_of(plain):
    """What is left of a cross-entropy of sure logits, such as those that a temperature divides, is
    no more than their last digits.
    """

    def loss(prediction, y):
        logits = 14 * prediction
        right = jnp.where(y > 0, logits, 0)
        return jnp.mean(jax.nn.logsumexp(jnp.stack([logits, 0 * logits]), axis=0) - right)

    def declared(prediction, y):
        logits = 14 * prediction
        return np.mean(np.logaddexp(logits, 0) - np.where(y > 0, logits, 0))

    own = replace(plain, train_step=stepping(loss=loss), loss=declared)

    assert {row.verdict for row in verify(own, laws=LOSSES[:2], max_examples=40).rows} == {"held"}


def test_a_loss_of_the_users_own_is_not_judged_of_trained_weights(plain):
    """Of a sure probability q, 1 - q has hardly a digit in float32, and its logarithm is off."""

    def loss(prediction, y):
        right = jnp.where(y > 0, -prediction, prediction)
        return -jnp.mean(jnp.log(1 - jax.nn.sigmoid(right) + 1e-9))

    def declared(prediction, y):
        right = np.where(y > 0, -prediction, prediction)
        return -np.mean(np.log(1 - 1 / (1 + np.exp(-right)) + 1e-9))

    rising = stepping(loss=loss, gradients=lambda grads: jax.tree.map(jnp.negative, grads))
    own = replace(plain, train_step=rising, loss=declared)

    assert {row.verdict for row in verify(own, laws=LOSSES[:2], max_examples=40).rows} == {"held"}


def test_a_padding_is_seen_in_a_large_mean():
    """The bound on the rounding of all numbers is not an excuse for an eighth of them."""
    logits = np.random.default_rng(0).normal(size=(16, 32, 256)).astype(np.float32)
    labels = np.arange(16 * 32).reshape(16, 32) % 256
    labels[:, 28:] = -1  # no word

    def each(logits, labels):
        right = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
        return np.log(np.exp(logits).sum(-1)) - right

    def declared(logits, labels):
        return each(logits, labels)[labels >= 0].mean()

    padded = each(logits.astype(float), np.maximum(labels, 0)) * (labels >= 0)
    step = SimpleNamespace(
        prediction=logits,
        sensitivity=np.full_like(logits, 1e-6),
        targets=labels,
        loss=padded.mean(),
        half_precision=False,
        number=1,
    )

    value, bound = expected_loss(step, declared)

    assert bound < 0.03 * value
    assert abs(padded.mean() - value) > 4 * bound


def test_a_formula_that_rounds_all_away_is_allowed_for(plain):
    """Of an action that is squashed, `1 - tanh(x)**2` has hardly a digit in float32, and in the
    declared function neither.
    """

    def loss(numpy, prediction, y):
        squashed = numpy.tanh(5 + prediction)
        return numpy.mean(prediction**2 - numpy.log(1 - squashed**2 + 1e-6))

    step = stepping(loss=functools.partial(loss, jnp))
    own = replace(plain, train_step=step, loss=functools.partial(loss, np))
    wrong = replace(own, loss=lambda prediction, y: 1.01 * loss(np, prediction, y))

    assert {row.verdict for row in verify(own, laws=LOSSES[:1], max_examples=40).rows} == {"held"}
    assert {row.verdict for row in verify(wrong, laws=LOSSES[:1]).rows} == {"refuted"}
