"""What a step does to a leaf of the params: whether it moves, and what is asked of it."""

from __future__ import annotations

import numpy as np

from ....reference.observation.trajectory import Step
from ....reference.pytrees.comparison import same_value
from ....reference.pytrees.dtypes import is_inexact
from ....reference.pytrees.paths import Path, path_text


def moves(step: Step, path: Path) -> bool:
    """Tell whether a step changes the value of a leaf, which is there before and after it."""
    before, after = step.before.params, step.after.params
    known = path in before and path in after
    return known and not same_value(before[path].array, after[path].array)


def is_float(step: Step, path: Path) -> bool:
    """Tell whether a leaf holds numbers that can train."""
    before = step.before.params
    return path in before and is_inexact(before[path].array.dtype)


def gradient_of(step: Step, path: Path) -> np.ndarray | None:
    """Return what the optimizer is seen to get for the gradient of a leaf."""
    return step.given_by_path.gradients.get(path) if step.given_by_path else None


def update_of(step: Step, path: Path) -> np.ndarray | None:
    """Return what the optimizer is seen to ask for of a leaf."""
    return step.given_by_path.updates.get(path) if step.given_by_path else None


def has_gradient(step: Step, path: Path) -> bool:
    """Tell whether the optimizer is seen to get a gradient of a leaf that is not zero."""
    gradient = gradient_of(step, path)
    return gradient is not None and bool(np.any(gradient != 0))


def is_finite(step: Step, path: Path) -> bool:
    """Tell whether all is finite that the optimizer gets and makes of a leaf, and what the leaf
    becomes where it was finite.
    """
    before, after = step.before.params[path].array, step.after.params[path].array
    arrays = [np.where(np.isfinite(before.astype(float)), after.astype(float), 0.0)]
    seen = (gradient_of(step, path), update_of(step, path))
    arrays += [each.astype(float) for each in seen if each is not None]
    return all(bool(np.isfinite(each).all()) for each in arrays)


def becomes_zeros(step: Step, path: Path) -> bool:
    """Tell whether a step makes zeros of a leaf that was none, as a mask of pruning does."""
    before, after = (moment.params[path].array for moment in (step.before, step.after))
    return bool(before.any() and not after.any())


def is_unasked(step: Step, path: Path) -> bool:
    """Tell whether a leaf moves in a step in which the optimizer asks for no movement of it."""
    if (update := update_of(step, path)) is not None:
        return not np.any(update != 0)
    # Where it is not known what the optimizer asks for, NaN may come of it: 0 · NaN.
    return (step.given is not None and not step.strangers) or is_finite(step, path)


def part_of_what(step: Step) -> str:
    """Say of a leaf that the optimizer does not know what it gets in the place of leaves."""
    names = ", ".join(map(path_text, sorted(step.strangers)))
    return (
        f"the optimizer gets no leaf of this name, but {names}: the leaf may be a part of that, "
        "since `params=` does not show what the optimizer is given"
    )
