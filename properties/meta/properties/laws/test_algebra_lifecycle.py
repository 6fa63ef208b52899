"""Laws of repetition, algebra and lifecycles on trainers: each holds on correct code."""

import logging
import threading
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import struct

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge, refutation
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.register import specimens_in
from frostproof.reference.corpus.specimens.lifetimes import freezing_on_the_way, lifecycles
from frostproof.reference.corpus.specimens.recipes.refreezing_recipe import (
    FEW,
    State,
    create,
    loss,
    masked,
    refreeze,
    step,
    stepping,
    trainer,
    zeroing_step,
)
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.actions import CHANGE
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.subjects.linen_trainer import LinenTrainer
from frostproof.strategies.optimizers import named

LAWS = sorted({fn.specimen.law for fn in specimens_in(lifecycles)})


def verdict(law, subject, examples=8):
    effort = Effort(max_examples=examples, seed=1, shrinking=0)
    return judge(BY_ID[law], subject, effort, CallCache(), "subject.py:subject")


@pytest.mark.parametrize("law", LAWS)
def test_a_law_holds_on_what_the_specimens_are_made_of(law):
    """The trainer that puts frozen leaves back breaks no law that its variations break."""
    assert verdict(law, trainer()).outcome == "held"


def test_a_change_of_optimizer_keeps_the_frozen_set():
    """A training that goes on under another optimizer has to be told what is frozen in it."""
    known = []

    def freezes_each_set_once(state, frozen):
        if frozen in known:
            return state
        known.append(frozen)
        return refreeze(state, frozen)

    def found(subject, problem):
        known.clear()
        return refutation(BY_ID["lifecycle"], subject, [problem.record()])

    sgd, momentum = optimizer("sgd", learning_rate=0.1), optimizer("momentum", learning_rate=0.1)
    first = ("freeze the others", "step")
    steady = TrainingProblem(0, sgd, 2, 3, 0, actions=(*first, "step"))
    changed = replace(steady, actions=(*first, CHANGE, "step"), next_optimizer=momentum)
    forgetful = trainer(refreeze=freezes_each_set_once)

    assert found(trainer(), changed) is None
    assert found(forgetful, steady) is None
    message = found(forgetful, changed)
    assert message.startswith("head: frozen leaf changed at step 2")
    assert message.endswith("under sgd(learning_rate=0.1, momentum=0.9)")
    assert verdict("lifecycle", trainer(), examples=20).labels["a change of optimizer"] > 1


def test_weights_outside_of_the_state_are_lost_by_a_checkpoint():
    """The leaf is named, not only what the next step makes of it."""
    found = verdict("restored-equals-saved", lifecycles.head_outside_of_the_state)

    assert found.outcome == "refuted"
    assert found.reason.startswith("head: the restored leaf differs from the saved one")


def test_gradient_zeroing_is_right_without_momentum():
    """No law accuses it under an optimizer whose state moves nothing by itself."""
    zeroing = trainer(step=zeroing_step, optimizers=named("sgd", learning_rates=(0.1,)))

    for law in ("frozen-warm-state", "lifecycle", "unfreeze-resumes", "freeze-everything"):
        assert verdict(law, zeroing).outcome == "held", law


def test_a_leaf_that_nothing_depends_on_is_not_accused_of_staying():
    """Unfrozen it has no gradient, and no loss that it could change."""

    def with_spare(seed, batch, opt):
        state = create(seed, batch, opt)
        params = {**state.params, "spare": jnp.ones(2)}
        return State(params, opt.init(params), masked(params, ("body", "spare")), opt)

    subject = LinenTrainer(
        with_spare, step, frozen=("body", "spare"), refreeze=refreeze, optimizers=FEW, loss="mse"
    )
    found = verdict("unfreeze-resumes", subject, examples=3)

    assert found.outcome == "held"
    assert "never mattered: spare" in found.labels


def test_why_an_unfrozen_leaf_stays_is_seen_where_it_does():
    """In the run that thaws it: in one that never froze it, it trains, and nothing is wrong."""
    found = verdict("unfreeze-resumes", freezing_on_the_way.step_of_the_first_phase, examples=2)

    assert found.outcome == "refuted"
    assert found.counterexample.cause == "no leaf moves: the optimizer is not called"


@pytest.mark.parametrize(
    ("dead_below", "gate", "message"),
    [
        (8, jax.nn.relu, None),
        (99, jax.nn.relu, None),
        (0, jax.lax.stop_gradient, "gate: unfrozen leaf never"),
    ],
    ids=["dead in some seeds", "dead", "stopped"],
)
def test_a_leaf_that_trains_on_other_data_is_not_accused_of_staying(dead_below, gate, message):
    """A dead unit has no gradient, and a loss that is flat nearby, although it depends on it."""

    def with_gate(seed, batch, opt):
        state = create(seed, batch, opt)
        params = {**state.params, "gate": jnp.full(1, -0.1 if seed < dead_below else 0.1)}
        return State(params, opt.init(params), masked(params, ("body", "gate")), opt)

    def loss_with_gate(params, batch):
        return loss(params, batch._replace(y=batch.y - gate(params["gate"])))

    subject = trainer(with_gate, stepping(loss_with_gate), frozen=("body", "gate"))
    sgd = optimizer("sgd", learning_rate=0.1)
    sequences = (
        ("unfreeze", "step"),
        ("freeze", "unfreeze", "step"),
        ("freeze", "step", "unfreeze", "step"),
    )
    problems = [TrainingProblem(0, sgd, 2, 3, 0, actions=actions).record() for actions in sequences]

    found = refutation(BY_ID["unfreeze-resumes"], subject, problems)

    assert found is None if message is None else found.startswith(message)


def holding(value):
    """Return a trainer in whose state is a leaf that is not an array."""

    @struct.dataclass
    class Holding(State):
        value: Any = ()

    def create_with_value(seed, batch, opt):
        state = create(seed, batch, opt)
        return Holding(state.params, state.opt_state, state.mask, state.opt, value=value)

    def step_without_it(state, batch):
        new, loss = step(state.replace(value=()), batch)
        return new.replace(value=state.value), loss

    return trainer(create_with_value, step_without_it)


@pytest.mark.parametrize("value", [jnp.tanh, "batch"], ids=["function", "text"])
def test_what_is_no_array_among_the_leaves_is_no_part_of_a_checkpoint(value):
    """Equinox keeps activations and names of axes as leaves, and saves none."""
    assert verdict("restored-equals-saved", holding(value)).outcome == "held"


def test_a_text_that_training_changes_is_not_left_out_of_a_checkpoint():
    """A training that begins anew would go on by another one."""
    begun = holding("first")

    def step_on(state, batch):
        new, loss = begun.train_step(state, batch)
        return new.replace(value="later"), loss

    found = verdict("restored-equals-saved", replace(begun, train_step=step_on))

    assert found.outcome == "not-run"
    assert found.reason.startswith("Orbax cannot save the state")


def test_a_state_that_orbax_cannot_hold_is_not_judged(caplog):
    """An object among the leaves is beyond a checkpoint of arrays: the verdict says so, and no
    thread of Orbax is left, which would log that it can go on no more.
    """
    threads = set(threading.enumerate())

    found = verdict("restored-equals-saved", holding(object()))
    for each in set(threading.enumerate()) - threads:
        each.join(timeout=5)

    assert found.outcome == "not-run"
    assert found.reason.startswith("Orbax cannot save the state: ValueError; give `save=`")
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []
