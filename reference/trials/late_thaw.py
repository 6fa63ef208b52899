"""Tells whether a leaf trains from one step later on than `frozen` says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..observation.trajectory import Step, Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .other_weights import begin, scatter

#: So many trainings are begun: in one of them a leaf may have no gradient in one step.
_SEEDS = 4
#: At a high rate, units die at once.
_RATE = 0.001


def is_thawed_late(subject: Any, trajectory: Trajectory, path: Path, number: int) -> bool:
    """Tell whether a leaf stays in the step of this number although the optimizer makes an update
    of it, and takes the whole one in the next step, by each seed and from other weights than those
    of the program, of which some may be zero.

    One whose rate grows from zero since then takes a part of it, or its update is zero. Where a
    gradient is zero in its first step, or the program's own optimizer is unseen, nobody can tell.
    """
    assert isinstance(subject, TrainerSource), "only trainers thaw leaves"
    trainer, problem = subject.trainer_for(trajectory.problem), trajectory.problem
    slow = replace(problem, optimizer=problem.optimizer.at_rate(_RATE))
    try:
        return all(
            _moves_first_after(trainer, replace(slow, seed=seed), path, number)
            for seed in range(_SEEDS)
        )
    except Exception:  # the program raises, or no other values can be put in place
        return False


def _moves_first_after(trainer: Trainer, problem: TrainingProblem, path: Path, number: int) -> bool:
    training = begin(trainer, problem, None, scatter)
    steps = []
    for each in range(1, number + 2):
        before = training.moment()
        training.step(problem.batch(each))
        steps.append(Step(before, training.moment(), frozenset(), each))
    thaw, after = steps[-2:]
    (kept, updated), (taken, whole) = (_ends(step, path) for step in (thaw, after))
    return bool(
        np.array_equal(kept, thaw.before.params[path].array)
        and not np.array_equal(kept, updated)
        and np.array_equal(taken, whole)
    )


def _ends(step: Step, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return what becomes of a leaf in a step, and what the whole update makes of it.

    Raises `LookupError` where nobody sees what the optimizer makes.
    """
    if step.given is None:
        raise LookupError("the optimizer is not seen")
    old, new = (moment.params[path].array for moment in (step.before, step.after))
    return new, old + step.given.updates[path].astype(old.dtype)
