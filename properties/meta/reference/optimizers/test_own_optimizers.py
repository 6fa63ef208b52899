"""What the engine's optimizer sees, and programs that have one of their own."""

import json

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof import LinenTrainer, OptaxFreeze
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge, refutation
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Inconclusive
from frostproof.properties.laws.requirements.training_law import recorder_needed
from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.reference.corpus.accepted.trainers import linen_steps as trainers_linen
from frostproof.reference.corpus.specimens.trainers.foreign_models import decay_of_zeroed_gradients
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.optimizers.recorded import in_full, recorded
from frostproof.reference.optimizers.recording import recording
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.problems.wrapper_problem import TreeProblem
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
    assert verdict.reason.endswith(", under its own optimizer, or none")
    assert "learning_rate" not in verdict.reason
    problems = json.loads(json.dumps(verdict.counterexample.problems))
    assert refutation(BY_ID["frozen-value"], decay_of_zeroed_gradients, problems) == verdict.reason


class Reptile(flax.struct.PyTreeNode):
    """Weights, and an optimizer whose state is made anew in each step."""

    params: dict
    tx: optax.GradientTransformation = flax.struct.field(pytree_node=False)


def begun(seed, batch, optimizer):
    return Reptile({"weight": jnp.ones(batch.x.shape[1])}, optimizer)


def part_of_the_way(state, batch):
    def loss(params):
        return jnp.mean((batch.x @ params["weight"] - 1) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    updates, _ = state.tx.update(grads, state.tx.init(state.params), state.params)
    fast = optax.apply_updates(state.params, updates)
    return state.replace(params=optax.incremental_update(fast, state.params, 0.5)), value


def test_a_state_that_is_made_anew_in_each_step_is_not_asked_for():
    """No keyword can show it."""
    subject = LinenTrainer(begun, part_of_the_way, frozen=())
    problem = TrainingProblem(0, optimizer("sgd"), 2, 3, 0)

    with pytest.raises(Inconclusive, match="as where each step makes it anew"):
        recorder_needed(run(subject, problem).steps[0])


def test_of_a_wrapper_it_is_not_said_that_its_create_is_handed_an_optimizer():
    """It has none."""
    waiting = OptaxFreeze(lambda row, mask: optax.MultiSteps(row, 2).gradient_transformation())
    problem = TreeProblem("two leaves", (), optimizer("sgd"), 1, 0)

    with pytest.raises(Inconclusive, match="the optimizer that is handed over is not called in"):
        recorder_needed(run(waiting, problem).steps[0])


def test_a_leaf_that_the_optimizer_gets_alone_has_its_whole_name():
    """There its name is empty; of two leaves with the same bits nobody can tell which it is."""
    one = jnp.ones(())
    alone, params = seen(one, one, one), {"body": {"scale": one}}

    assert in_full(alone, snapshot(params)).gradients.keys() == {("body", "scale")}
    assert in_full(alone, snapshot(params | {"other": one})).gradients.keys() == {()}


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
