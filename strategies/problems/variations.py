"""Varies drawn problems: what a law runs beside the problem that all laws share.

Nothing is drawn here. So laws that compare a problem with another one are given the same problems
as laws that look at one alone, and the runs of those are remembered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...reference.optimizers.disturbances import DISTURBANCES
from ...reference.optimizers.optimizer import OwnOptimizer, optimizer
from ...reference.problems.training_problem import Drawn, TrainingProblem
from .trainings import Problem, Varies

#: For a step in which the optimizer does not matter.
_PLAIN = optimizer("sgd", learning_rate=1.0)


def and_with_permuted_rows(
    subject: Any, drawn: tuple[TrainingProblem, ...]
) -> tuple[TrainingProblem, ...]:
    """Add the first step of the same problem with its rows permuted."""
    (problem,) = drawn
    return problem, replace(problem, order=problem.fill, actions=("step",))


def and_with_repeated_rows(
    subject: Any, drawn: tuple[TrainingProblem, ...]
) -> tuple[TrainingProblem, ...]:
    """Add the first step of the same problem with each row twice.

    Its loss depends on no optimizer, and its shape is that of no other problem: it is compiled
    for one optimizer alone, of a subject that promises the common set.
    """
    (problem,) = drawn
    any_does = subject.optimizers == "common" and not isinstance(problem.optimizer, OwnOptimizer)
    plain = _PLAIN if any_does else problem.optimizer
    return problem, replace(problem, optimizer=plain, repeats=2, actions=("step",))


def and_disturbed(subject: Any, drawn: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Add the same problem with other gradients of the frozen leaves; its `fill` says which."""
    (problem,) = drawn
    names = tuple(DISTURBANCES)
    return problem, replace(problem, disturbed=names[problem.fill % len(names)])


def and_again(subject: Any, drawn: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Add the same problem on other data, and then once more as it is."""
    (problem,) = drawn
    return problem, replace(problem, fill=problem.fill ^ 1), problem


def on_other_batches(varies: Varies) -> Varies:
    """Add to each fourth trainer's problem the same one, which gets each batch a step earlier, if
    that is another batch.
    """

    def vary(subject: Any, drawn: tuple[Problem, ...]) -> tuple[Problem, ...]:
        (problem,) = varies(subject, drawn)
        if not isinstance(problem, TrainingProblem) or problem.fill % 4:
            return (problem,)
        own = problem.batches
        if own is not None and own[0] == own[1 % len(own)]:
            return (problem,)
        others = tuple(Drawn(problem.batch(number + 1)) for number in range(1, problem.steps + 1))
        return problem, replace(problem, batches=others)

    return vary
