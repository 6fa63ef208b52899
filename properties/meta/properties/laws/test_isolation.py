"""Laws of isolation say what they could not see, and refute all the same what they can."""

from dataclasses import replace

import jax
import jax.numpy as jnp

from frostproof import LinenTrainer, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import Effort, judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.accepted.trainers.linen_steps import multi_transform

EFFORT = Effort(max_examples=3, seed=0, shrinking=0)


def forward_step(state, batch):
    """Differentiate in forward mode, which nothing observes."""

    def loss(params):
        return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

    return state.apply_gradients(grads=jax.jacfwd(loss)(state.params)), loss(state.params)


def test_gradients_that_are_not_seen_are_said():
    """Held would mean that they had been disturbed."""
    few = Optimizers("sgd", rates=(0.1,))
    unseen = LinenTrainer(
        multi_transform.create, jax.jit(forward_step), frozen=("body",), optimizers=few
    )
    law = BY_ID["frozen-gradients-do-not-leak"]

    verdict = judge(law, unseen, EFFORT, CallCache(), "unseen")
    seen = judge(law, replace(multi_transform, optimizers=few), EFFORT, CallCache(), "seen")

    assert verdict.outcome == "not-run"
    assert "trains by a gradient that neither jax.grad" in verdict.reason
    assert seen.outcome == "held"
