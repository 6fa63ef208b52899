"""Whether weights that are put in place from outside stay there, or a step takes others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..observation.trainer_run import reweigh
from ..problems.training_problem import TrainingProblem
from ..pytrees.comparison import same_value
from ..pytrees.dtypes import is_float
from ..pytrees.paths import Path
from ..pytrees.snapshot import Snapshot, snapshot
from ..subjects.training import Training
from ..subjects.user_errors import let_through


def takes_params(
    training: Training,
    problem: TrainingProblem,
    frozen: frozenset[Path],
    begin: Callable[[], Training],
) -> bool:
    """Tell whether parameters that are put in place from outside stay there.

    They do not where a program restores its weights from a second copy, or prunes or quantises them
    again.

    Args:
        training: one whose optimizer moves nothing.
        problem: what it is given.
        frozen: the leaves of it that are frozen.
        begin: begins it anew.

    Raises:
        Exception: where the program raises, unless it is the user who declares that it takes them.
    """
    trainer = training.trainer
    if trainer.with_params is not None:
        try:
            trial = _try(training, problem, frozen)
            return not (
                trial.restores(frozen) or _projects(training, problem, trial, frozen, begin)
            )
        except BaseException as error:  # the laws report it with the problem
            let_through(error)
            return True
    if trainer.params is not None:  # found by the user's own function: not put by ours
        return False
    if not hasattr(training, "model") and not hasattr(training.state, "replace"):  # type: ignore[attr-defined]
        return False
    if _holds_copies(training):
        return False
    trial = _try(training, problem, frozen)
    return trial.stays() and not _projects(training, problem, trial, frozen, begin)


@dataclass(frozen=True)
class _Trial:
    """The weights of `create`, others that were put in their place, and those after a step."""

    own: Snapshot
    placed: Snapshot
    after: Snapshot

    def restores(self, frozen: frozenset[Path]) -> bool:
        """Tell whether the step gave a frozen leaf its old values again."""
        return any(
            same_value(self.after[path].array, self.own[path].array)
            and not same_value(self.placed[path].array, self.own[path].array)
            for path in frozen
            if path in self.own and path in self.placed and path in self.after
        )

    def stays(self) -> bool:
        """Tell whether no leaf went back towards its old values."""
        return self.placed.leaves.keys() == self.after.leaves.keys() and not any(
            _is_nearer(self.after[path].array, self.own[path].array, self.placed[path].array)
            for path in self.placed
        )


def _try(training: Training, problem: TrainingProblem, frozen: frozenset[Path]) -> _Trial:
    own = snapshot(training.params())
    reweigh(training, replace(problem, weights="redrawn"), frozen)
    placed = snapshot(training.params())
    training.step(problem.batch(1))
    return _Trial(own, placed, snapshot(training.params()))


def _projects(
    training: Training,
    problem: TrainingProblem,
    trial: _Trial,
    frozen: frozenset[Path],
    begin: Callable[[], Training],
) -> bool:
    """Tell whether steps bring all numbers of a frozen leaf to some that they leave alone, as they
    do those of `create`: to a grid of quantised weights. A clamp brings only those beyond it.
    """
    own, placed, after = (
        {path: leaf.array for path, leaf in weights.leaves.items()}
        for weights in (trial.own, trial.placed, trial.after)
    )
    brought = [
        path
        for path in frozen & own.keys() & placed.keys() & after.keys()
        # Zeros, such as those of a fresh bias, are on every grid.
        if len(np.unique(own[path])) > 1 and np.all(placed[path] != after[path])
    ]
    if not brought:
        return False
    begun = begin()
    for each in (training, begun):
        each.step(problem.batch(2))
    again, kept = snapshot(training.params()), snapshot(begun.params())
    return all(
        same_value(again[path].array, after[path]) and same_value(kept[path].array, own[path])
        for path in brought
    )


def _is_nearer(leaf: np.ndarray, original: np.ndarray, redrawn: np.ndarray) -> bool:
    """Tell whether a leaf went back to its old weights after others were put in their place.

    It need not equal either to the bit: a decay in the step moves it even at rate zero.
    """
    if leaf.shape != redrawn.shape or not is_float(leaf.dtype):
        return not same_value(leaf, redrawn)
    now, was, put = (array.astype(np.float64) for array in (leaf, original, redrawn))
    return bool(np.abs(now - was).sum() < np.abs(now - put).sum())


def _holds_copies(training: Training) -> bool:
    """Tell whether the training carries a copy of a weight outside its parameters.

    Two parameters may be equal, such as the scales of two fresh norms of one width.
    """
    params = [leaf.array for leaf in snapshot(training.params()).values()]
    weights = Counter(each.tobytes() for each in params if each.any() and each.size > 1)
    carried = Counter(leaf.array.tobytes() for leaf in snapshot(training.everything()).values())
    return any(carried[weight] > count for weight, count in weights.items())
