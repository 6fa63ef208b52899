"""The laws that only reference trainers are held to: each refutes a trainer that breaks it."""

from dataclasses import replace

import numpy as np
import pytest

from frostproof.properties.book import BY_ID
from frostproof.properties.engine import Effort, judge
from frostproof.properties.memory import Memory
from frostproof.properties.reference_laws import LAWS
from frostproof.reference import linen_trainers


class Faulty:
    """A reference trainer that trains something else than the problem says, or says so."""

    def __init__(self, run):
        self.faulty_run = run

    def __getattr__(self, name):
        return getattr(linen_trainers.gradient_zeroing, name)

    def run(self, problem, *, watched=False):
        return self.faulty_run(problem)


def plain(problem):
    return linen_trainers.gradient_zeroing.run(problem)


def half_the_gradient_upstream(problem):
    trajectory = plain(problem)
    given = trajectory.steps[0].given
    first = problem.architecture.leaves[0]
    if first in given.gradients:
        halved = given.gradients | {first: given.gradients[first] * np.float32(0.5)}
        trajectory.steps[0].__dict__["given"] = replace(given, gradients=halved)
    return trajectory


def silent_about_patterns(problem):
    trajectory = plain(problem)
    trajectory.raised = None
    return trajectory


def another_selection(problem):
    trajectory = plain(problem)
    step = trajectory.steps[0]
    step.frozen = step.frozen - {min(step.frozen)}
    return trajectory


def instead(**fields):
    """Run another problem, and say that it was the one asked for."""

    def run(problem):
        trajectory = plain(replace(problem, **fields))
        trajectory.problem = problem
        return trajectory

    return run


def at_twice_the_rate(problem):
    rate = dict(problem.optimizer.hyperparameters)["learning_rate"]
    return instead(optimizer=problem.optimizer.at_rate(2 * rate))(problem)


FAULTS = {
    "upstream-still-trains": half_the_gradient_upstream,
    "unmatched-pattern-is-an-error": silent_about_patterns,
    "same-selection-for-every-representation": another_selection,
    "tied-weights-freeze-under-either-name": instead(frozen=("l4",)),
    "techniques-agree": at_twice_the_rate,
    "linen-equals-nnx": at_twice_the_rate,
}


def test_each_law_is_here():
    """No law of the family is left without a fault that it finds."""
    assert FAULTS.keys() == {law.id for law in LAWS}


@pytest.mark.parametrize("law", FAULTS)
def test_a_fault_is_found(law):
    """It is refuted within a few examples, and the trainer without the fault is not."""
    effort = Effort(8, seed=0, shrinking=0)

    found = judge(BY_ID[law], Faulty(FAULTS[law]), effort, Memory(), "faulty")
    held = judge(BY_ID[law], linen_trainers.gradient_zeroing, effort, Memory(), "sound")

    assert found.outcome == "refuted", found
    assert held.outcome == "held", held
