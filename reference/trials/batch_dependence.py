"""Tells whether the batches have any part in how a leaf moves."""

from __future__ import annotations

import functools
from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from ..observation.trajectory import Step, Trajectory
from ..problems.training_problem import Drawn, TrainingProblem
from ..pytrees.comparison import same_value
from ..pytrees.dtypes import is_float
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .longer_run import MOST_PATIENCE, longer, run_again
from .other_weights import Change, begin, keep, scatter, scatter_again
from .penalties import is_always_given_one_batch
from .relevance import loss_depends_on

#: So many trainings are begun: in one of them a leaf may have no gradient.
_SEEDS = 4
#: Fewer numbers may have the same signs on all batches, and Lion makes the same steps of those.
_MANY = 16
#: What is done to weights, to see whether a leaf moves otherwise then.
_CHANGES: tuple[Change, ...] = (scatter, scatter_again)


def ignores_batches(subject: Any, trajectory: Trajectory, path: Path) -> bool | None:
    """Tell whether a leaf moves alike on any batch, although the loss depends on it by what the
    model makes of it; None where it does not, or where nobody can tell.

    So it is with a leaf that gets no gradient of the loss, and moves by a penalty on the weights, a
    projection or noise: whatever the batches and the other weights are. A gradient may be the same
    on all batches that a program is given, as that of an absolute error is while all predictions
    are too low, or its sign.
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
    if depends is not True:
        return None
    beside = trajectory.steps[0].before.params.keys() - {path}
    return None if _moves_otherwise_far_off(trainer, longer(problem), path, beside) else True


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
    return frozenset(path for path in trainable if _are_alike(pairs, path))


def _moves_otherwise_far_off(
    trainer: Trainer, problem: TrainingProblem, path: Path, beside: Set[Path]
) -> bool:
    """Tell whether a leaf moves otherwise on batches that are like none of the program's, or beside
    other weights, or by its batches where it has other values; not where the program raises there.
    """
    one, other = (Drawn(problem.batch(number)) for number in (1, 2))
    way = functools.partial(_way, trainer, problem, path)
    plain = way(one, beside, keep)
    pairs = [
        *((plain, way(_far_off(one, seed), beside, keep)) for seed in range(_SEEDS)),
        *((plain, way(one, beside, change)) for change in _CHANGES),
        *((way(one, {path}, change), way(other, {path}, change)) for change in _CHANGES),
    ]
    return any(not all(map(same_value, *pair)) for pair in pairs)


def _way(
    trainer: Trainer,
    problem: TrainingProblem,
    path: Path,
    batch: Drawn,
    changed: Set[Path],
    change: Change,
) -> list[np.ndarray]:
    """Return a leaf after each step of a training on one batch, in which some leaves are changed
    before; nothing where that raises.
    """
    alone = replace(problem, batches=(batch,))
    try:
        training = begin(trainer, alone, changed, change)
        values = []
        for number in range(1, problem.steps + 1):
            training.step(alone.batch(number))
            values.append(training.moment().params[path].array)
    except Exception:  # it takes no such batches, or no other weights
        return []
    return values


def _far_off(batch: Drawn, seed: int) -> Drawn:
    """Return a batch with each of its floats multiplied by a random number, which may be negative,
    small or large.
    """
    generator = np.random.default_rng(seed)

    def multiplied(leaf: np.ndarray) -> np.ndarray:
        factors = 16.0 ** generator.integers(-1, 3) * generator.standard_normal(leaf.shape)
        return (leaf * factors).astype(leaf.dtype) if is_float(leaf.dtype) else leaf

    return Drawn(jax.tree.map(multiplied, batch.batch))


def _are_alike(pairs: Sequence[tuple[Step, Step]], path: Path) -> bool:
    """Tell whether the steps of two trainings move a leaf alike, and most of them not by a sign of
    what may differ: the few numbers of a small leaf are at times nearly as large by chance.
    """
    looks = [_is_alike(*pair, path) for pair in pairs]
    return None not in looks and 2 * looks.count(True) > len(looks)


def _is_alike(one: Step, other: Step, path: Path) -> bool | None:
    """Tell whether two steps that move a leaf alike do so by more than a sign of what may differ;
    None where they do not move it alike.
    """
    if path not in one.after.params.keys() & other.after.params.keys():
        return None
    old, new = (moment.params[path].array for moment in (one.before, one.after))
    if old.shape != new.shape or not same_value(new, other.after.params[path].array):
        return None
    pull, same = (step.given.gradients.get(path) if step.given else None for step in (one, other))
    if pull is not None and same is not None:
        return _tells(pull, old, seen=True) if same_value(pull, same) else None
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
    signs = np.sign(pull)
    # Gains that begin with ones, and are too large, all shrink by their gradients, too.
    both = bool((signs > 0).any() and (signs < 0).any())
    return pull.size >= _MANY and both and bool((signs == np.sign(weights)).mean() > 0.75)
