"""Faulty reference trainers: they train something else than the problem says, or say so."""

from dataclasses import replace

import numpy as np

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.correct.trainers import linen_techniques
from frostproof.reference.observation.run import run as run_subject


class Faulty:
    """A reference trainer that is run in another way."""

    def __init__(self, run):
        """Keep what it does in place of the correct run."""
        self.faulty_run = run

    def __getattr__(self, name):
        """Be the correct one in all else."""
        return getattr(linen_techniques.gradient_zeroing, name)


@run_subject.register
def _(subject: Faulty, problem, **asked):
    """Do what is wrong."""
    return subject.faulty_run(problem)


def instead(**fields):
    """Return a trainer that runs another problem, and says that it was the one asked for."""

    def run(problem):
        trajectory = run_subject(linen_techniques.gradient_zeroing, replace(problem, **fields))
        trajectory.problem = problem
        return trajectory

    return Faulty(run)


def at_twice_the_rate(problem):
    """Run the problem by doubled steps."""
    rate = dict(problem.optimizer.hyperparameters)["learning_rate"]
    return run_subject(instead(optimizer=problem.optimizer.at_rate(2 * rate)), problem)


@specimen(law="upstream-still-trains", seen="`stop_gradient` on a part of an activation")
def half_the_gradient_upstream():
    """The first layer gets half of its gradient."""

    def run(problem):
        trajectory = run_subject(linen_techniques.gradient_zeroing, problem)
        given = trajectory.steps[0].given
        first = problem.architecture.leaves[0]
        if first in given.gradients:
            halved = given.gradients | {first: given.gradients[first] * np.float32(0.5)}
            trajectory.steps[0].__dict__["given"] = replace(given, gradients=halved)
        return trajectory

    return Faulty(run)


@specimen(law="unmatched-pattern-is-an-error", seen="a mistyped name, which no library reports")
def silent_about_patterns():
    """A pattern without a match raises nothing."""

    def run(problem):
        trajectory = run_subject(linen_techniques.gradient_zeroing, problem)
        trajectory.raised = None
        return trajectory

    return Faulty(run)


@specimen(law="same-selection-for-every-representation", seen="paths that are compared as text")
def one_leaf_fewer():
    """One leaf fewer is frozen than in the other representations."""

    def run(problem):
        trajectory = run_subject(linen_techniques.gradient_zeroing, problem)
        step = trajectory.steps[0]
        step.frozen = step.frozen - {min(step.frozen)}
        return trajectory

    return Faulty(run)


@specimen(
    law="tied-weights-freeze-under-either-name",
    seen="transformers#11903",
    needs=Needs("the architecture with tied weights has as many", layers=4),
)
def tied_name_ignored():
    """Weights that are frozen by their second name train, and another layer is frozen."""
    return instead(frozen=("l4",))


@specimen(law="techniques-agree", seen="a loss that is a sum in one technique, a mean in others")
def twice_the_rate():
    """One technique trains at twice the rate of the others."""
    return Faulty(at_twice_the_rate)


@specimen(law="linen-equals-nnx", seen="a port from Linen to NNX with another reduction")
def twice_the_rate_of_the_other_api():
    """One API trains at twice the rate of the other."""
    return Faulty(at_twice_the_rate)
