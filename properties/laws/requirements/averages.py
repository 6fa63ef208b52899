"""What an average of a leaf that stays may be off by, and how to tell rounding from a fault."""

from __future__ import annotations

import ml_dtypes
import numpy as np

#: Roundings of one update d·a + e·p, where d + e = 1: of each weight and of each product, which
#: weigh d and e together, of 1 − d where it is computed in the dtype, and of the sum.
_ROUNDINGS = 4
#: Bytes of a dtype that is wide enough to average in: in half precision the same roundings make up
#: percents, and the average sticks there.
_WIDE = 4


def allowed(copy: np.ndarray, leaf: np.ndarray, updates: int) -> np.ndarray:
    """Return how far a correct average of a constant leaf may be off, element by element.

    Errors of earlier updates fade by d and never grow, so that each update adds one unit at most.
    Nothing is allowed in half precision.
    """
    return _rounded(copy, leaf, updates) if copy.dtype.itemsize >= _WIDE else np.zeros(copy.shape)


def difference(copy: np.ndarray, leaf: np.ndarray, updates: int) -> str:
    """Say how far a copy is off, and whether rounding can have done it."""
    with np.errstate(all="ignore"):
        off = np.abs(copy.astype(np.float64) - leaf.astype(np.float64))
        furthest = int(np.argmax(np.where(np.isfinite(off), off, np.inf)))
        worst = np.unravel_index(furthest, off.shape)
        a, p = float(copy[worst]), float(leaf[worst])
        unit = abs(p) * float(ml_dtypes.finfo(copy.dtype).eps)
        times = f"{updates} update{'s' * (updates != 1)}"
        if (off <= _rounded(copy, leaf, updates)).all():
            return (
                f"it drifts by rounding: {off[worst] / unit:.3g} ulps of {copy.dtype.name} after "
                f"{times}"
            )
        if p and np.isfinite(a):
            return f"it is {a / p:.6g} times the leaf after {times}, which no rounding explains"
    return f"no rounding explains that after {times}"


def _rounded(copy: np.ndarray, leaf: np.ndarray, updates: int) -> np.ndarray:
    limits = ml_dtypes.finfo(copy.dtype)
    unit = float(limits.eps) / 2
    size = np.abs(leaf.astype(np.float64))
    return np.asarray(updates * (_ROUNDINGS * unit * size + float(limits.tiny)))
