"""Tells a leaf that trains from one that a decay moves: that is only multiplied by a number."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from ..numerics.rounding import FLUSHED, gamma
from ..pytrees.comparison import changes
from ..pytrees.paths import Path
from ..pytrees.snapshot import Leaf
from .trajectory import Step

#: Roundings of a weight that hide by how much it is multiplied: twice what `decay_factor` allows.
_HIDDEN = 8


def moves_otherwise(step: Step, path: Path) -> bool:
    """Tell whether a step changes a leaf's value by more than rounding, and otherwise than by a
    decay; or adds or removes it.

    A decay moves a leaf whose gradient is missing, too: one behind `jax.lax.stop_gradient`.
    """
    return _moves(step, path) and not decays(step, path) and not hardly_moves(step, path)


def hardly_moves(step: Step, path: Path) -> bool:
    """Tell whether a step moves a leaf, and each weight by so little that rounding would hide
    whether it is a decay: `optax.adamw(1e-3)` takes 1e-7 of each weight.

    Not where rounding hides more than the last digits, as in bfloat16.
    """
    leaves = [snapshot.params.get(path) for snapshot in (step.before, step.after)]
    if not _moves(step, path) or any(leaf is None or _is_coarse(leaf) for leaf in leaves):
        return False
    old, new = (leaf.array.astype(np.float64) for leaf in leaves if leaf is not None)
    bound = gamma(_HIDDEN, _unit(step, path)) * np.abs(old) + FLUSHED
    return old.shape == new.shape and bool((np.abs(new - old) <= bound).all())


def decays(step: Step, path: Path) -> bool:
    """Tell whether a step multiplies a leaf of several weights by a number that is so far from one
    that each weight is seen to move.

    Not where rounding hides more than the last digits, as in bfloat16: a gradient may be in them.
    """
    leaf, factor = step.before.params.get(path), decay_factor(step, path)
    if leaf is None or _is_coarse(leaf):
        return False
    return factor != 1.0 and abs(factor - 1.0) > gamma(_HIDDEN, _unit(step, path))


def decays_beyond_projection(step: Step, path: Path) -> bool:
    """Tell whether a step multiplies a leaf of several weights by a number that is further from one
    than rounding makes of a projection onto a norm that is done twice.

    Of a norm of n terms, at most all weights that train, gamma(n) / 2 and half a unit are rounded;
    two norms, two divisions and two products make gamma(n + 6).
    """
    factor = decay_factor(step, path)
    terms = sum(step.before.params[each].array.size for each in step.trainable)
    return factor != 1.0 and abs(factor - 1.0) > gamma(terms + 6, _unit(step, path))


def decay_factor(step: Step, path: Path) -> float:
    """Return the positive number by which a step multiplies a leaf of several weights, but for
    rounding; 1 where it does something else.

    A product and a subtraction may round each weight, twice where the number is found from another
    one. Where all weights move by one number they may be multiplied or not: those of a bias that
    begins with a constant are equal, and equal gradients leave them so.
    """
    leaves = [snapshot.params.get(path) for snapshot in (step.before, step.after)]
    if any(leaf is None or leaf.array.dtype.kind in "biuc" for leaf in leaves):
        return 1.0
    old, new = (leaf.array.astype(np.float64) for leaf in leaves if leaf is not None)
    if old.shape != new.shape or np.count_nonzero(old) < 2 or not np.isfinite(old).all():
        return 1.0
    largest = np.unravel_index(np.argmax(np.abs(old)), old.shape)
    factor = float(new[largest] / old[largest])
    bound = gamma(4, _unit(step, path)) * max(1.0, factor) * np.abs(old) + FLUSHED
    moved = new - old
    shifted = bool((np.abs(moved - moved.mean()) <= 2 * bound).all())
    multiplied = factor > 0 and bool((np.abs(new - factor * old) <= bound).all())
    return factor if multiplied and not shifted else 1.0


def _moves(step: Step, path: Path) -> bool:
    return bool(changes(step.before.params, step.after.params, [path], "value"))


def _is_coarse(leaf: Leaf) -> bool:
    """Tell whether the numbers of a leaf are no floats, or have fewer than 32 bits."""
    return leaf.array.dtype.kind in "biuc" or leaf.array.dtype.itemsize < 4


def _unit(step: Step, path: Path) -> float:
    return float(ml_dtypes.finfo(step.before.params[path].array.dtype).eps) / 2
