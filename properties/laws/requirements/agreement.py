"""Requires two runs to agree: the same leaves stay, the others are the same but for rounding.

Two correct programs need not agree to the bit. Compiled as a whole or operation by operation, they
differ by ulps. A gradient that nearly cancels differs by far more, relative to itself, and Adam
turns that into a whole step. So trainable leaves are compared only while both optimizers are given
the same gradients, element by element: the updates that they make of those differ by little.
"""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np

from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.catalogue import COMMON
from ....reference.problems.wrapper_problem import TreeProblem
from ....reference.pytrees.comparison import changes
from ....reference.pytrees.dtypes import is_float
from ....reference.pytrees.paths import Path, path_text
from ..law import Inconclusive, label, refute
from .training_law import moved, recorder_needed, require_complete

#: The relative difference up to which two gradients count as the same.
SAME_GRADIENT = 1e-4
#: The difference that two leaves may have, relative to the way that they have moved: ten times the
#: effect of such gradients (Adam forgets at most nine tenths of one), and a thousand times the most
#: that was measured between eager and compiled updates of the same gradients, over 400 runs.
SAME_UPDATE = 1e-3
#: Ulps of the parameter, per step.
_ULPS = 8
#: Optimizers whose update depends continuously on the gradient, not on a sign that an ulp can turn.
_CONTINUOUS = frozenset(COMMON) - {"lion"}
IN_STEP = "both runs are given the same gradients"


def require_agreement(
    runs: Sequence[Trajectory], numbers: tuple[int, int] = (0, 1), other: str = "in the other run"
) -> None:
    """Require two runs to keep the same frozen leaves, and to train the others alike.

    A frozen leaf that moves in both runs is left to other laws, and so is one that moves in one of
    them by as little as rounding: in the other the same step may round to what the leaf was.

    Args:
        runs: all runs of the example.
        numbers: the two of them to compare.
        other: what distinguishes the second run, for a message.
    """
    first, second = (runs[number] for number in numbers)
    in_step = _continuous(first)
    if not isinstance(first.problem, TreeProblem):  # whose gradients are drawn
        for run in (first, second):
            if run.steps[0].gradients is None:
                recorder_needed(run.steps[0])
    path_lengths: dict[Path, float] = {}
    moving: set[Path] = set()  # frozen leaves, which are not judged any further here
    for step, counterpart in zip(first.steps, second.steps, strict=True):
        frozen = step.frozen & counterpart.frozen
        moving |= {path for path in frozen if _is_left_to_others(step, counterpart, path)}
        for path in sorted(frozen - moving):
            _require_same_fate(step, counterpart, path, numbers, other)
        same = given_the_same(first, step, counterpart)
        label(IN_STEP, same and step.number == 1)
        in_step = in_step and same
        if not in_step:
            continue
        for path in sorted(step.trainable & counterpart.trainable):
            length = path_lengths.get(path, 0.0) + _step_length(step, path)
            path_lengths[path] = length
            require_close(step, counterpart, path, length, numbers, other)


def require_runs(first: Trajectory, *others: Trajectory) -> None:
    """Leave an example aside in which the subject raised, in any of the runs."""
    require_complete(first)
    for trajectory in others:
        error = trajectory.raised
        if error is not None:
            reason = f"the subject cannot do this: it raises {type(error).__name__}"
            raise Inconclusive(reason, subject=True)
        require_complete(trajectory)


def _continuous(trajectory: Trajectory) -> bool:
    optimizer = trajectory.problem.optimizer
    plain = optimizer.name in _CONTINUOUS
    return plain or (
        optimizer.name == "clip_by_global_norm" and optimizer.inner.name in _CONTINUOUS
    )


def given_the_same(run: Trajectory, step: Step, counterpart: Step) -> bool:
    """Tell whether the optimizers of two runs were given the same gradients of trainable leaves."""
    if isinstance(run.problem, TreeProblem):
        return True
    if step.gradients is None or counterpart.gradients is None:
        return False
    paths = step.trainable & counterpart.trainable
    pairs = [(step.gradients.get(p), counterpart.gradients.get(p)) for p in paths]
    return all(a is not None and b is not None and _near(a, b) for a, b in pairs)


def _near(a: np.ndarray, b: np.ndarray) -> bool:
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):  # an infinity or a NaN is near nothing
        return a.shape == b.shape and bool((np.abs(a - b) <= SAME_GRADIENT * np.abs(a)).all())


def _require_same_fate(
    step: Step, counterpart: Step, path: Path, numbers: tuple[int, int], other: str
) -> None:
    """Require a frozen leaf to stay in both runs, at the same values."""
    name, index = path_text(path), step.number - 1
    fates = [_moves(each, path) for each in (step, counterpart)]
    if any(fates):
        place = numbers[fates.index(True)]
        where = f"{other} only" if fates[1] else f"but not {other}"
        refute(
            f"{name}: frozen leaf changed at step {step.number}, {where}",
            assertion=f"same_value(before[{place}][{index}].get({name!r}), "
            f"after[{place}][{index}].get({name!r}))",
            leaf=name,
            step=step.number,
        )
    for change in changes(step.after.params, counterpart.after.params, [path], "value"):
        pair = ", ".join(f"after[{number}][{index}].get({name!r})" for number in numbers)
        refute(
            f"{name}: frozen leaf has other values at step {step.number} {other}: "
            f"{change.describe()}",
            assertion=f"same_value({pair})",
            leaf=name,
            step=step.number,
        )


def _is_left_to_others(step: Step, counterpart: Step, path: Path) -> bool:
    """Tell whether a frozen leaf moves in both runs, or in one of them by rounding."""
    fates = [_moves(each, path) for each in (step, counterpart)]
    return all(fates) or (any(fates) and _only_rounds(step, counterpart, path))


def _moves(step: Step, path: Path) -> bool:
    return moved(step.before.params, step.after.params, path)


def _only_rounds(step: Step, counterpart: Step, path: Path) -> bool:
    """Tell whether a leaf moves in neither step further than rounding could take it."""
    moments = [moment for each in (step, counterpart) for moment in (each.before, each.after)]
    leaves = [each.params[path].array for each in moments if path in each.params]
    alike = len(leaves) == len(moments) and len({(each.dtype, each.shape) for each in leaves}) == 1
    if not alike or not is_float(leaves[0].dtype):
        return False
    bound = _rounding(step, counterpart, path)
    return all(_step_length(each, path) <= bound for each in (step, counterpart))


def _step_length(step: Step, path: Path) -> float:
    before, after = (m.params[path].array.astype(np.float64) for m in (step.before, step.after))
    return float(np.abs(after - before).max(initial=0))


def require_close(
    step: Step,
    counterpart: Step,
    path: Path,
    length: float,
    numbers: tuple[int, int],
    other: str,
) -> None:
    """Require a leaf to become the same in both runs, but for rounding.

    Half-precision leaves are left aside: one of their ulps is more than the bound. `length` is how
    far the leaf has moved so far.
    """
    if counterpart.after.params.get(path) is None or step.after.params.get(path) is None:
        raise Inconclusive("see frozen-structure", subject=True)
    seen, compared = (each.after.params[path].array for each in (step, counterpart))
    if seen.dtype.itemsize < 4 or seen.dtype != compared.dtype or seen.shape != compared.shape:
        return
    bound = SAME_UPDATE * length + _rounding(step, counterpart, path)
    far = np.abs(seen.astype(np.float64) - compared.astype(np.float64)) > bound
    if not np.isfinite(bound) or not far.any():
        return
    index = tuple(int(i) for i in np.argwhere(far)[0])
    a, b = float(seen[index]), float(compared[index])
    name, place = path_text(path), f"[{step.number - 1}][{path_text(path)!r}][{index}]"
    refute(
        f"{name}: trainable leaf becomes {a:.9g} at step {step.number}, and {b:.9g} {other}, "
        f"expected a difference of at most {bound:.2g}",
        assertion=f"abs(float(after[{numbers[0]}]{place}) - float(after[{numbers[1]}]{place})) "
        f"<= {bound!r}",
        leaf=name,
        step=step.number,
        before=a,
        after=b,
        bound=bound,
    )


def _rounding(step: Step, counterpart: Step, path: Path) -> float:
    """Return by how much rounding alone may have moved a float leaf until after a step."""
    moments = (step.after, counterpart.after, step.before)
    size = max(float(np.abs(each.params[path].array).max(initial=0)) for each in moments)
    unit = float(ml_dtypes.finfo(step.after.params[path].array.dtype).eps)
    return _ULPS * step.number * unit * size
