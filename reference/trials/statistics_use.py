"""Tells whether a loss depends on statistics of the model, as behind a norm in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..observation.trajectory import Trajectory
from ..optimizers.recording import handed
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path, named_leaves
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .other_weights import Change, change_in_place, differs, is_placeholder, keep, shift


def is_used(subject: Any, trajectory: Trajectory, path: Path) -> bool:
    """Tell whether the loss of a first step depends on a statistic; also where nobody can tell."""
    trainer, problem = _trainer_of(subject, trajectory), trajectory.problem
    plain, changed = _losses(trainer, problem, path)
    return plain is None or differs(plain, changed) or is_placeholder(trainer, problem)


def is_any_unused(subject: Any, trajectory: Trajectory, paths: Iterable[Path]) -> bool:
    """Tell whether the loss of a first step does not depend on one of these statistics, as that of
    a norm in training mode; also where nobody can tell.
    """
    trainer, problem = _trainer_of(subject, trajectory), trajectory.problem
    pairs = (_losses(trainer, problem, path) for path in paths)
    return any(a is None or b is None or not differs(a, b) for a, b in pairs)


def _trainer_of(subject: Any, trajectory: Trajectory) -> Trainer:
    assert isinstance(subject, TrainerSource), "only trainers have statistics"
    return subject.trainer_for(trajectory.problem)


def _losses(
    trainer: Trainer, problem: TrainingProblem, path: Path
) -> tuple[float | None, float | None]:
    """Return the loss of the first step, and that with a statistic changed."""
    plain, changed = (
        _loss_with_statistic(trainer, problem, path, change) for change in (keep, shift)
    )
    return plain, changed


def _loss_with_statistic(
    trainer: Trainer, problem: TrainingProblem, path: Path, change: Change
) -> float | None:
    """Return the loss of the first step with a statistic changed.

    None where the statistic is not found in the state, or there is no loss.
    """
    try:
        optimizer = handed(trainer.train_step, problem.optimizer.transformation)
        training = trainer.begin(problem.seed, problem.batch(1), optimizer)
        statistic = named_leaves(training.model_state())[path]
        change_in_place(training, path, statistic, change)
        return float(np.asarray(training.step(problem.batch(1))))
    except Exception:  # whatever goes wrong: nothing is known
        return None
