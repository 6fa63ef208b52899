"""Runs a subject of any kind on a problem; the result is a call or a trajectory."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from ..problems.training_problem import TrainingProblem
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.articles import a_type_of
from ..subjects.exercise import Exercise
from ..subjects.optax_wrapper import OptaxFreeze
from ..subjects.protocols import TrainerSource
from .exercise_run import Call, call_exercise
from .trainer_run import run_trainer
from .trajectory import Trajectory
from .wrapper_run import run_wrapper

Observation = Call | Trajectory


@singledispatch
def run(
    subject: Any,
    problem: Any,
    *,
    watched: bool = False,
    shared: bool = False,
    predicted: bool = True,
) -> Any:
    """Run a subject on a problem; the result keeps exceptions of the subject.

    Args:
        subject: an exercise, a wrapper, or a source of trainers.
        problem: a problem of the subject's kind.
        watched: observe the updates that an exercise makes (the x-ray); others ignore it.
        shared: let trainings of one structure share a program (see `shared_programs`).
        predicted: let a trainer predict before its first step, for laws about its loss.

    Returns:
        A `Call` for an exercise, a `Trajectory` for a wrapper or a trainer.

    Raises:
        TypeError: for a subject of no known kind.
    """
    if not isinstance(subject, TrainerSource):
        raise TypeError(f"{a_type_of(subject)} cannot be run: expected a subject")
    del watched
    return _run_source(subject, problem, shared, predicted)


def _run_source(
    source: TrainerSource, problem: TrainingProblem, shared: bool, predicted: bool
) -> Trajectory:
    try:
        trainer = source.trainer_for(problem)
    except ValueError as error:  # such as a pattern that matches no leaf
        return Trajectory(problem, raised=error)
    # Our references run their optimizers operation by operation: they have no step to share.
    shared = shared and source is trainer
    trajectory = run_trainer(trainer, problem, shared=shared, predicted=predicted)
    if trajectory.shared and trajectory.raised is not None:  # of the sharing, as like as not
        trajectory = run_trainer(trainer, problem, predicted=predicted)
    trajectory.origin = source
    return trajectory


@run.register
def _(subject: Exercise, problem: Any, *, watched: bool = False, **others: bool) -> Call:
    del others
    return call_exercise(subject, problem, watched=watched)


@run.register
def _(subject: OptaxFreeze, problem: TreeProblem, **others: bool) -> Trajectory:
    del others
    return run_wrapper(subject, problem)
