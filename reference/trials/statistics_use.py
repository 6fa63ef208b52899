"""Tells whether a loss depends on statistics of the model, as behind a norm in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..observation.trajectory import Trajectory
from ..optimizers.recording import recording
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path, named_leaves
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .other_weights import Change, change_in_place, differs, is_placeholder, keep, shift


def is_used(subject: Any, trajectory: Trajectory, path: Path) -> bool:
    """Tell whether the loss of a first step depends on a statistic; also where nobody can tell."""
    assert isinstance(subject, TrainerSource), "only trainers have statistics"
    trainer, problem = subject.trainer_for(trajectory.problem), trajectory.problem
    plain, changed = (
        _loss_with_statistic(trainer, problem, path, change) for change in (keep, shift)
    )
    return plain is None or differs(plain, changed) or is_placeholder(trainer, problem)


def is_any_unused(subject: Any, trajectory: Trajectory, paths: Iterable[Path]) -> bool:
    """Tell whether the loss of a first step does not depend on one of these statistics, as that of
    a norm in training mode; also where nobody can tell.
    """
    assert isinstance(subject, TrainerSource), "only trainers have statistics"
    problem = trajectory.problem
    trainer = subject.trainer_for(problem)

    def is_unused(path: Path) -> bool:
        plain, changed = (
            _loss_with_statistic(trainer, problem, path, change) for change in (keep, shift)
        )
        return plain is None or changed is None or not differs(plain, changed)

    return any(map(is_unused, paths))


def _loss_with_statistic(
    trainer: Trainer, problem: TrainingProblem, path: Path, change: Change
) -> float | None:
    """Return the loss of the first step with a statistic changed.

    None where the statistic is not found in the state, or there is no loss.
    """
    try:
        training = trainer.begin(
            problem.seed, problem.batch(1), recording(problem.optimizer.transformation)
        )
        statistic = named_leaves(training.model_state())[path]
        change_in_place(training, statistic, change)
        return float(np.asarray(training.step(problem.batch(1))))
    except Exception:  # whatever goes wrong: nothing is known
        return None
