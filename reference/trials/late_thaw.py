"""Tells whether a leaf trains from a later step on than `frozen` says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..observation.decay import adds
from ..observation.trajectory import Step, Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .other_weights import begin, scatter

#: So many trainings are begun: in one of them a leaf may have no gradient in one step.
_SEEDS = 4
#: Steps within which what is late trains.
_LATEST = 4
#: At a high rate, units die at once.
_RATE = 0.001


def is_thawed_late(subject: Any, trajectory: Trajectory, path: Path, number: int) -> bool:
    """Tell whether a leaf stays in the step of this number although the optimizer makes an update
    of it, and takes the whole one in one of the next steps, by each seed and from other weights
    than those of the program, of which some may be zero.

    One whose rate grows from zero since then takes a part of it, or its update is zero. Where a
    gradient is zero in its first step, or the program's own optimizer is unseen, nobody can tell.
    """
    assert isinstance(subject, TrainerSource), "only trainers thaw leaves"
    trainer, problem = subject.trainer_for(trajectory.problem), trajectory.problem
    slow = replace(problem, optimizer=problem.optimizer.at_rate(_RATE))
    try:
        return all(
            _moves_later(trainer, replace(slow, seed=seed), path, number) for seed in range(_SEEDS)
        )
    except Exception:  # the program raises, or no other values can be put in place
        return False


def _moves_later(trainer: Trainer, problem: TrainingProblem, path: Path, number: int) -> bool:
    training = begin(trainer, problem, None, scatter)
    for each in range(1, number + _LATEST + 1):
        before = training.moment()
        training.step(problem.batch(each))
        step = Step(before, training.moment(), frozenset(), each)
        if each < number:
            continue
        if not adds(step, path, 0):
            return each > number and adds(step, path, 1)
        if adds(step, path, 1):  # an update of zero tells nothing
            return False
    return False
