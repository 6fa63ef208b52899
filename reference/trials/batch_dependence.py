"""Tells whether the batches have any part in how a leaf moves."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from ..observation.trajectory import Step, Trajectory
from ..problems.training_problem import Drawn, TrainingProblem
from ..pytrees.comparison import same_value
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .longer_run import MOST_PATIENCE, longer, run_again
from .penalties import is_always_given_one_batch
from .relevance import loss_depends_on

#: So many trainings are begun: in one of them a leaf may have no gradient.
_SEEDS = 4
#: Fewer numbers may have the same signs on all batches, of which Lion makes the same steps.
_MANY = 16


def ignores_batches(subject: Any, trajectory: Trajectory, path: Path) -> bool | None:
    """Tell whether a leaf moves alike on any batch, although the loss depends on it by what the
    model makes of it; None where it does not, or where nobody can tell.

    So it is with a leaf that gets no gradient of the loss, and moves by a penalty on the weights, a
    projection or noise.
    """
    assert isinstance(subject, TrainerSource), "only trainers are given batches"
    trainer, problem = subject.trainer_for(trajectory.problem), trajectory.problem
    if is_always_given_one_batch(problem):
        return None
    others = [longer(replace(problem, seed=seed)) for seed in range(_SEEDS)]
    if not all(path in moved_alike(trainer, each, shared=True) for each in (problem, *others)):
        return None
    last = longer(problem, MOST_PATIENCE)  # what accuses is the program as it is
    if path not in moved_alike(trainer, last, shared=False):
        return None
    depends = loss_depends_on(trainer, problem, path, decaying=True, shared=False)
    return True if depends is True else None


@functools.lru_cache(maxsize=16)  # leaf after leaf is asked of the same runs
def moved_alike(trainer: Trainer, problem: TrainingProblem, *, shared: bool) -> frozenset[Path]:
    """Return the trainable leaves that a training on the first batch alone and one on the second
    alone move alike, to the bit; none where one of them raises.
    """
    one, other = (
        run_again(trainer, replace(problem, batches=(Drawn(problem.batch(n)),)), shared=shared)
        for n in (1, 2)
    )
    if one.raised is not None or other.raised is not None:
        return frozenset()
    pairs = list(zip(one.steps, other.steps, strict=True))
    trainable = frozenset[Path]().union(*(step.trainable for step in one.steps))
    return frozenset(path for path in trainable if all(_is_alike(*pair, path) for pair in pairs))


def _is_alike(one: Step, other: Step, path: Path) -> bool:
    """Tell whether two steps move a leaf alike, and not by a sign of what may differ."""
    if path not in one.after.params.keys() & other.after.params.keys():
        return False
    old, new = (moment.params[path].array for moment in (one.before, one.after))
    if old.shape != new.shape or not same_value(new, other.after.params[path].array):
        return False
    pull, same = (step.given.gradients.get(path) if step.given else None for step in (one, other))
    if pull is not None and same is not None:
        return same_value(pull, same) and _tells(pull, old, seen=True)
    return _tells(old.astype(np.float64) - new.astype(np.float64), old, seen=False)


def _tells(pull: np.ndarray, weights: np.ndarray, *, seen: bool) -> bool:
    """Tell whether what pulls at weights, or moves them where no gradient is `seen`, is more than
    the signs of numbers that may differ: those are as large for all. The signs of a decay are those
    of the weights, but where Adam goes past zero.
    """
    pull, weights = (array.astype(np.float64)[pull != 0] for array in (pull, weights))
    if not pull.size:
        return True
    if np.abs(pull).max() > 1.5 * np.abs(pull).min():
        return seen or pull.size >= _MANY
    same_sign = np.sign(pull) == np.sign(weights)
    return pull.size >= _MANY and bool(same_sign.mean() > 0.75)
