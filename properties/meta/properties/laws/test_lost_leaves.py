"""A trainable leaf that becomes NaN while the loss is finite has not trained."""

import jax
import jax.numpy as jnp
import optax
import pytest
from hypothesis import strategies as st

from frostproof import LinenTrainer, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.accepted.trainers.linen_steps import multi_transform
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import stepping

LAW = BY_ID["trainable-moves"]
SGD = Optimizers("sgd", rates=(0.1,))


def judged(step, create=multi_transform.create, optimizers=SGD):
    """Return the verdict on a step that trains the head alone."""
    subject = LinenTrainer(create, step, frozen=("body",), optimizers=optimizers)
    return judge(LAW, subject, Effort(8, 0), CallCache(), "lost")


def altered(change, of_loss=lambda loss: loss):
    """Return a step that changes its gradients before the optimizer gets them."""

    @jax.jit
    def step(state, batch):
        def mse(params):
            return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

        loss, grads = jax.value_and_grad(mse)(state.params)
        return state.apply_gradients(grads=change(grads, state.step)), of_loss(loss)

    return step


def lost(tree, step=0):
    """Return a tree of NaN."""
    return jax.tree.map(lambda leaf: leaf * jnp.nan, tree)


def behind(old, new):
    """Lose the head behind the optimizer."""
    return new.replace(params=new.params | {"head": lost(new.params["head"])})


def divided(seed, batch, optimizer):
    """Create a state whose optimizer divides by zero."""
    made = optax.chain(optimizer, optax.scale(jnp.nan))
    return multi_transform.create(seed, batch, made)


@pytest.mark.parametrize(
    ("step", "create", "reason"),
    [
        (altered(lost), multi_transform.create, "the loss is finite, and its gradient is not"),
        (stepping(after=behind), multi_transform.create, "what becomes of that is not"),
        (altered(lambda grads, step: grads), divided, "what becomes of that is not"),
    ],
    ids=["gradient", "step", "optimizer"],
)
def test_it_is_refuted_with_what_loses_it(step, create, reason):
    """Its gradient, the optimizer, or what the step makes of it."""
    verdict = judged(step, create)

    assert verdict.outcome == "refuted"
    assert "becomes NaN or infinite at a finite loss" in verdict.reason
    assert reason in verdict.counterexample.cause


def test_an_optimizer_that_is_handed_over_loses_it():
    """It divides by zero itself."""
    divides = st.just(optax.chain(optax.sgd(0.1), optax.scale(jnp.nan)))

    verdict = judged(altered(lambda grads, step: grads), optimizers=divides)

    assert "what the optimizer makes of it is not" in verdict.counterexample.cause


@pytest.mark.parametrize(
    "step",
    [
        altered(lambda grads, step: jax.tree.map(lambda g: jnp.where(step > 1, jnp.nan, g), grads)),
        altered(lost, of_loss=lambda loss: loss * jnp.nan),
        altered(lost, of_loss=lambda loss: None),
    ],
    ids=["trains first", "no finite loss", "no loss"],
)
def test_what_trains_at_first_or_has_no_loss_is_not_accused(step):
    """Batches that a program does not expect make its loss NaN, too."""
    assert judged(step).outcome == "held"
