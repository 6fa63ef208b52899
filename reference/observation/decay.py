"""Tells a leaf that trains from one that a decay moves, which multiplies it by a number, that an
optimizer moves without a gradient, or that is lost.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np

from ..numerics.rounding import FLUSHED, gamma
from ..pytrees.comparison import changes
from ..pytrees.dtypes import is_float
from ..pytrees.paths import Path
from ..pytrees.snapshot import Leaf
from .trajectory import Step

#: Roundings of a weight that hide by how much it is multiplied: twice what `decay_factor` allows.
_HIDDEN = 8


def moves_otherwise(step: Step, path: Path) -> bool:
    """Tell whether a step changes a leaf's value by more than rounding, and otherwise than a leaf
    whose gradient is missing, such as one behind `jax.lax.stop_gradient`; or adds or removes it.
    """
    return _moves(step, path) and not is_untrained(step, path) and not is_lost(step, path)


def is_lost(step: Step, path: Path) -> bool:
    """Tell whether a step makes NaN or infinities of all numbers of a leaf, from finite ones and at
    a loss that is a number: `optax.contrib.prodigy` does so at a first rate of zero.

    Without a loss a batch may be one that the program does not expect.
    """
    leaves = [moment.params.get(path) for moment in (step.before, step.after)]
    if step.loss is None or not np.isfinite(step.loss):
        return False
    if any(leaf is None or not is_float(leaf.array.dtype) for leaf in leaves):
        return False
    old, new = (np.isfinite(leaf.array.astype(np.float64)) for leaf in leaves if leaf is not None)
    return bool(old.all() and new.size and not new.any())


def is_untrained(step: Step, path: Path) -> bool:
    """Tell whether a decay is all that a step shows of a leaf, or may be for all that is seen, or
    what the optimizer makes of no gradient.
    """
    return (
        decays(step, path)
        or hardly_moves(step, path)
        or is_given_a_decay(step, path)
        or is_given_nothing(step, path)
    )


def is_given_nothing(step: Step, path: Path) -> bool:
    """Tell whether the optimizer was given a gradient of zero, and nothing else moves the leaf than
    what it makes of that: `optax.noisy_sgd` adds noise, the accumulators of `optax.yogi` do not
    begin with zeros, and Adam makes steps of a decay that is chained in front of it.
    """
    given = step.given
    leaf = step.before.params.get(path)
    if given is None or path not in given.gradients.keys() & given.updates.keys():
        return False
    if leaf is None or path not in step.after.params or not is_float(leaf.array.dtype):
        return False
    gradient, update = given.gradients[path], given.updates[path]
    return not gradient.any() and _moves(step, path) and adds(step, path, update)


def adds(step: Step, path: Path, update: np.ndarray, share: int = 1) -> bool:
    """Tell whether a step adds all of an optimizer's update to a leaf, or for a `share` of 0 none.

    Compiled, the last product of an update may be added to the leaf without being rounded before:
    the product and the sum are rounded, here and there.
    """
    old, new = (moment.params[path].array for moment in (step.before, step.after))
    old, new, update = (each.astype(np.float64) for each in (old, new, update))
    bound = gamma(4, _unit(step, path)) * (np.abs(old) + np.abs(update))
    return bool((np.abs(new - (old + share * update)) <= bound).all())


def is_given_a_decay(step: Step, path: Path) -> bool:
    """Tell whether the optimizer was given a multiple of a leaf in the place of its gradient.

    So it is behind `optax.add_decayed_weights`, or under a penalty on the weights, where nothing
    else reaches the leaf. What an optimizer such as Adam makes of it is not a multiple.
    """
    gradient = step.given.gradients.get(path) if step.given else None
    return gradient is not None and is_multiple(step, path, gradient)


def is_multiple(step: Step, path: Path, numbers: np.ndarray) -> bool:
    """Tell whether numbers are the weights that a leaf has before a step, all times one positive
    number, but for rounding.
    """
    leaf = step.before.params.get(path)
    if leaf is None or _is_coarse(leaf) or numbers.shape != leaf.array.shape:
        return False
    return _multiplier(leaf.array, numbers, numbers, _unit(step, path), 0.0) is not None


def hardly_moves(step: Step, path: Path) -> bool:
    """Tell whether a step moves a leaf, and each weight by so little that rounding would hide
    whether it is a decay: `optax.adamw(1e-3)` takes 1e-7 of each weight.

    Not where some weights grow and others shrink, as no decay does; nor where rounding hides more
    than the last digits, as in bfloat16.
    """
    leaves = [snapshot.params.get(path) for snapshot in (step.before, step.after)]
    if not _moves(step, path) or any(leaf is None or _is_coarse(leaf) for leaf in leaves):
        return False
    old, new = (leaf.array.astype(np.float64) for leaf in leaves if leaf is not None)
    bound = gamma(_HIDDEN, _unit(step, path)) * np.abs(old) + FLUSHED
    if old.shape != new.shape or not (np.abs(new - old) <= bound).all():
        return False
    grows, shrinks = np.abs(new) > np.abs(old), np.abs(new) < np.abs(old)
    return not (grows.any() and shrinks.any())


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
    """
    leaves = [snapshot.params.get(path) for snapshot in (step.before, step.after)]
    if any(leaf is None or leaf.array.dtype.kind in "biuc" for leaf in leaves):
        return 1.0
    old, new = (leaf.array for leaf in leaves if leaf is not None)
    if old.shape != new.shape:
        return 1.0
    # The difference of two weights is rounded as they are, and not as it is.
    return _multiplier(old, new, new - old, _unit(step, path), 1.0) or 1.0


def is_same_factor(step: Step, path: Path, one: float, other: float) -> bool:
    """Tell whether two factors by which steps multiply a leaf are the same, but for rounding."""
    return abs(one - other) <= gamma(_HIDDEN, _unit(step, path)) * max(1.0, one, other)


def _multiplier(
    old: np.ndarray, new: np.ndarray, moved: np.ndarray, unit: float, least: float
) -> float | None:
    """Return the positive number that makes new numbers of several old ones, but for rounding in
    units of the old ones by at `least` so much; None if there is none.

    A product and a subtraction may round each number, twice where the multiplier is found from
    another one. Where all are `moved` alike they may be multiplied or not: the weights of a bias
    that begins with a constant are equal, and equal gradients leave them so.
    """
    old, new, moved = (array.astype(np.float64) for array in (old, new, moved))
    if np.count_nonzero(old) < 2 or not np.isfinite([old, new]).all():
        return None
    largest = np.unravel_index(np.argmax(np.abs(old)), old.shape)
    factor = float(new[largest] / old[largest])
    bound = gamma(4, unit) * max(least, factor) * np.abs(old) + FLUSHED
    alike = bool((np.abs(moved - moved.mean()) <= 2 * bound).all())
    multiplied = factor > 0 and bool((np.abs(new - factor * old) <= bound).all())
    return factor if multiplied and not alike else None


def _moves(step: Step, path: Path) -> bool:
    return bool(changes(step.before.params, step.after.params, [path], "value"))


def _is_coarse(leaf: Leaf) -> bool:
    """Tell whether the numbers of a leaf are not floats, or have fewer than 32 bits."""
    return leaf.array.dtype.kind in "biuc" or leaf.array.dtype.itemsize < 4


def _unit(step: Step, path: Path) -> float:
    return float(ml_dtypes.finfo(step.before.params[path].array.dtype).eps) / 2
