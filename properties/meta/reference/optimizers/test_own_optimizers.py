"""What the engine's optimizer sees, and programs that have one of their own."""

import json

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge, refutation
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.reference.corpus.accepted.trainers import linen_steps as trainers_linen
from frostproof.reference.corpus.specimens.trainers.foreign_models import decay_of_zeroed_gradients
from frostproof.reference.optimizers.recorded import recorded
from frostproof.reference.optimizers.recording import recording
from frostproof.reference.pytrees.snapshot import snapshot
from frostproof.reference.trials.probe import capabilities_of

EFFORT = Effort(max_examples=3, seed=0, shrinking=0)


def test_a_program_with_its_own_optimizer_is_judged_under_that():
    """No law is about an optimizer that is not used, and no message or script names one."""
    assert "optimizer" not in capabilities_of(decay_of_zeroed_gradients)
    assert "optimizer" in capabilities_of(trainers_linen.multi_transform)

    verdict = judge(
        BY_ID["frozen-value"], decay_of_zeroed_gradients, EFFORT, CallCache(), "own.py:decays"
    )

    assert verdict.outcome == "refuted"
    assert verdict.reason.endswith(", under its own optimizer")
    assert "learning_rate" not in verdict.reason
    problems = json.loads(json.dumps(verdict.counterexample.problems))
    assert refutation(BY_ID["frozen-value"], decay_of_zeroed_gradients, problems) == verdict.reason


def test_laws_about_other_optimizers_say_why_they_do_not_run():
    """They would hold by doing nothing."""
    value = decay_of_zeroed_gradients
    items, _ = plan_checks(
        [NamedSubject("own", "trainer", value, capabilities=capabilities_of(value))]
    )

    unable = {item.law.id for item in items if "the optimizer it is handed" in (item.unable or "")}

    assert unable >= {
        "frozen-any-learning-rate",
        "frozen-under-other-optimizers",
        "zero-rate-is-identity",
        "trains-as-if-alone",
    }
    assert "frozen-value" not in unable


def seen(params, gradients, shown=None):
    """Return what a recording optimizer keeps of one update."""
    optimizer = recording(optax.sgd(1.0))
    _, state = optimizer.update(gradients, optimizer.init(params), shown)
    return recorded(snapshot(state))


def test_a_leaf_without_gradient_has_zeros():
    """As Equinox has them: the leaves beside it are recorded under their own names."""
    params = {"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.tanh}

    given = seen(params, {"a": None, "b": jnp.full(2, 3.0), "c": None})

    assert given.count == 1
    assert given.gradients.keys() == {("a",), ("b",)}
    assert not given.gradients["a",].any()
    np.testing.assert_array_equal(given.gradients["b",], [3, 3])
    np.testing.assert_array_equal(given.updates["b",], [-3, -3])


@pytest.mark.parametrize(
    ("gradients", "count"),
    [([jnp.ones(2), jnp.ones(2)], 1), ({"other": jnp.ones(2)}, 0)],
    ids=["as many leaves under other names", "another number of unknown leaves"],
)
def test_what_cannot_be_told_is_not_recorded(gradients, count):
    """Leaves under other names go by their order; where there are more or fewer, nothing is known.

    Zeros in their place would accuse: the trainable leaf moved, and its gradient was zero.
    """
    params = [jnp.ones(2), jnp.ones(2)] if count else {"a": jnp.ones(2), "b": jnp.ones(2)}
    optimizer = recording(optax.identity())
    state = optimizer.init({"a": jnp.ones(2), "b": jnp.ones(2)})

    _, state = optimizer.update(gradients, state, params)

    assert recorded(snapshot(state)).count == count
