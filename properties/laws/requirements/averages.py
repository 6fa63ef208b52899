"""What an average of a leaf may be off by, and how to tell rounding from a fault."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

#: Roundings of one update d·a + e·p, where d + e = 1: of each weight and of each product, which
#: weigh d and e together, of 1 − d where it is computed in the dtype, and of the sum.
_ROUNDINGS = 4
#: By how many roundings of 1, divided by 1 − d, a computed 1 − dⁿ may be off: n + 3 of them, n by
#: way of d, two of the power and one of the difference. 1 − dⁿ itself is at least 0.63 n (1 − d) as
#: long as that is below 0.63. So they are 6.4 at most, and one more of 1 − d.
_CANCELLED = 8
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


@dataclass(frozen=True)
class Average:
    """Where a copy has to be that goes a part of the way to another leaf in each step: in float64,
    with what a correct computation in the copy's dtype may be off by.
    """

    value: np.ndarray
    bound: np.ndarray
    dtype: np.dtype

    @classmethod
    def starting(cls, copy: np.ndarray) -> Average:
        """Return where a copy is before the first step."""
        return cls(copy.astype(np.float64), np.zeros(copy.shape), copy.dtype)

    def copied(self, leaf: np.ndarray) -> Average:
        """Return where an exact copy has to be after a step: but for subnormal numbers, which XLA
        makes zero where it computes.
        """
        with np.errstate(all="ignore"):
            exact = leaf.astype(self.dtype).astype(np.float64)
        tiny = float(ml_dtypes.finfo(self.dtype).tiny)
        return Average(exact, np.full(exact.shape, tiny), self.dtype)

    def moved(self, leaf: np.ndarray, rate: float, settles_at: float | None = None) -> Average:
        """Return where it has to be after a step at this rate.

        Errors of earlier steps fade by 1 − rate, so that each step adds its own roundings. In half
        precision they may not add up: two units in the last place are allowed, however many steps.

        A rate that is a function and `settles_at` r may be that of an average that is debiased: it
        is divided by 1 − (1 − r)ⁿ, which is as small as r, of numbers as large as 1.
        """
        if rate == 0:
            return self
        limits = ml_dtypes.finfo(self.dtype)
        with np.errstate(all="ignore"):
            wide = leaf.astype(np.float64)
            left = 1 - rate
            # At a rate of 1 not even an infinity is left of where it was.
            value = left * self.value + rate * wide if left else wide
            unit, coarse = float(limits.eps) / 2, float(ml_dtypes.finfo(leaf.dtype).eps) / 2
            size = np.abs(self.value) + np.abs(wide)
            added = _ROUNDINGS * (unit * size + coarse * rate * np.abs(wide)) + float(limits.tiny)
            if settles_at is not None:
                added += _CANCELLED * unit / settles_at * rate * size
            bound = left * self.bound + added if left else added
            if self.dtype.itemsize < _WIDE:
                largest = np.maximum(np.abs(value), np.abs(self.value))
                bound = _ROUNDINGS * unit * largest + float(limits.tiny)
        return Average(value, bound, self.dtype)

    def first_off(self, copy: np.ndarray) -> tuple[int, ...] | None:
        """Return the first element of a copy that is too far off; None where none is.

        Any value does where none can be computed in float64.
        """
        with np.errstate(invalid="ignore"):
            far = ~(np.abs(copy.astype(np.float64) - self.value) <= self.bound)
            far &= np.isfinite(self.value + self.bound)
        return tuple(int(i) for i in np.argwhere(far)[0]) if far.any() else None
