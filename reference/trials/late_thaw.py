"""Tells whether a leaf trains from a later step on than `frozen` says."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..observation.decay import adds
from ..observation.trajectory import Step, Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.comparison import changes
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .other_weights import scatter, steps_from

#: So many trainings are begun: in one of them a leaf may have no gradient in one step.
_SEEDS = 4
#: Steps within which what is late trains.
_LATEST = 4
#: At a high rate, units die at once.
_RATE = 0.001


def is_thawed_late(subject: Any, trajectory: Trajectory, path: Path, number: int) -> bool:
    """Tell whether a leaf stays in the step of this number although the optimizer makes an update
    of it, or is called for others alone, and takes the whole one in one of the next steps, by each
    seed and from other weights than those of the program, since some of those may be zero.

    One whose rate grows from zero since then takes a part of it, or its update is zero; one that
    trains in turns is left out again. Where a gradient is zero in its first step, or the program's
    own optimizer is unseen, nobody can tell.
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
    last = number + _LATEST + 1
    steps = [*steps_from(trainer, problem, None, scatter, last)][number - 1 :]
    for place, (step, following) in enumerate(pairwise(steps)):
        update = _update_of(step, path)
        if update is None:
            if changes(step.before.params, step.after.params, [path], "value"):
                return False
        elif not adds(step, path, update, share=0):
            again = _update_of(following, path) is not None
            return place > 0 and again and adds(step, path, update)
        elif adds(step, path, update):  # one of zero tells nothing
            return False
    return False


def _update_of(step: Step, path: Path) -> np.ndarray | None:
    """Return the update that the optimizer makes of a leaf; None where those that are called in the
    step make updates of others alone, or are made anew behind it.

    Raises `LookupError` where none is called, or one several times.
    """
    if any(calls < 0 for _, calls in step.recordings):
        return None
    called = [recorded for recorded, calls in step.recordings if calls]
    if not called or any(calls > 1 for _, calls in step.recordings):
        raise LookupError("the optimizer is not seen")
    return next((each.updates[path] for each in called if path in each.updates), None)
