"""Interval arithmetic in float64 that bounds what a program of a narrower dtype may have computed.

Each operation returns the exact image of its operands, widened by the rounding of the dtype. The
exact image stays inside, so a compiler that skips a rounding (a fused multiply-add, excess
precision) stays inside as well. Inside, too, are the rewrites that XLA's algebraic simplifier does:
`a / constant` to `a * (1 / constant)`, `(a / b) / c` to `a / (b * c)`, `a / sqrt(b)` to
`a * rsqrt(b)`, `(a * constant) * constant` to one product.

With u = eps / 2, the relative width that each operation adds was measured against float64 under
jax 0.10.2 on two x86 CPUs, in float32, over every value of two binades (sqrt, rsqrt and 1 / x
depend on nothing else) or a few million random ones. The larger of both is shown; rsqrt starts from
an instruction that is each CPU's own, and erred by 1.25 u on the first, by 2.80 u on an AMD EPYC:

    operation       measured   widened by
    +, *            1.00 u     1 u, the definition of rounding to nearest
    sqrt            1.00 u     3 u, since it may become a part of rsqrt
    1 / x           1.00 u     1 u
    x / constant    1.88 u     2 u, as a reciprocal and a product
    rsqrt           2.80 u     4 u, as a square root and a reciprocal
    1 / sqrt(x)     2.80 u     4 u, likewise
    x ** n          1.18 u     2 u, or n u: repeated multiplication errs by less (n - 1 products)

Each operation also adds the smallest normal number, because XLA on CPU flushes subnormals to zero.
Not covered: algebra that changes the cancellation (`p * (1 - rate * decay)` for
`p - rate * decay * p`), and other backends, where nothing was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[np.float64]

# Infinite and undefined bounds are ordinary here: they become the interval that says nothing.
_silent = np.errstate(all="ignore")


@final
@dataclass(frozen=True, eq=False)
class Interval:
    """All values that a correct program of `dtype` may hold, element by element.

    `low` and `high` are float64 arrays of one shape (or broadcast to it). Where the program may
    overflow, divide by zero or be undefined, they are -inf and +inf: any value is possible, NaN
    included, and every operation on such an element says the same.
    """

    low: Array
    high: Array
    dtype: DTypeLike = np.float32

    @classmethod
    @_silent
    def of(cls, values: ArrayLike, dtype: DTypeLike = np.float32) -> Interval:
        """Enclose numbers that the program was given: stored arrays, or hyperparameters.

        A Python float such as 0.9 enters as itself (`1 - b1` before tracing) or as its rounding
        (`1 - b1` after); a subnormal enters as itself or as zero.
        """
        exact = np.asarray(values, np.float64)
        nearest = exact.astype(np.dtype(dtype)).astype(np.float64)
        flushed = np.where(np.abs(exact) < _smallest_normal(dtype), 0.0, exact)
        candidates = np.stack(np.broadcast_arrays(exact, nearest, flushed))
        return _known(candidates.min(axis=0), candidates.max(axis=0), dtype)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the interval says something: bool, of the shape of the interval."""
        return np.isfinite(self.low) & np.isfinite(self.high)

    @property
    @_silent
    def centre(self) -> Array:
        """The middle, zero where nothing is known."""
        return np.where(self.known, self.low / 2 + self.high / 2, 0.0)

    @property
    def radius(self) -> Array:
        """Half the width, infinite where nothing is known."""
        return self.high / 2 - self.low / 2

    def contains(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Where `values` are possible: bool, of the broadcast shape."""
        values = np.asarray(values, np.float64)
        return ~self.known | ((self.low <= values) & (values <= self.high))

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low, self.dtype)

    @_silent
    def __add__(self, other: Interval | float) -> Interval:
        other = self._operand(other)
        return _rounded(self.low + other.low, self.high + other.high, self.dtype)

    def __sub__(self, other: Interval | float) -> Interval:
        return self + -self._operand(other)

    @_silent
    def __mul__(self, other: Interval | float) -> Interval:
        other = self._operand(other)
        corners = np.stack(
            np.broadcast_arrays(
                self.low * other.low,
                self.low * other.high,
                self.high * other.low,
                self.high * other.high,
            )
        )
        return _rounded(corners.min(axis=0), corners.max(axis=0), self.dtype)

    def __truediv__(self, other: Interval | float) -> Interval:
        """Return self / other, unknown where other may be zero."""
        # A quotient that is rounded once lies inside: the exact reciprocal is in the interval.
        return self * self._operand(other).reciprocal()

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> Interval:
        return self._operand(other) - self

    @_silent
    def reciprocal(self) -> Interval:
        """Return 1 / self, unknown where self may be zero."""
        zero = (self.low <= 0) & (self.high >= 0)
        return _rounded(np.where(zero, np.nan, 1 / self.high), 1 / self.low, self.dtype)

    @_silent
    def square(self) -> Interval:
        """Return self², at least zero (the product with itself would forget that)."""
        magnitude = abs(self)
        return _rounded(magnitude.low**2, magnitude.high**2, self.dtype)

    @_silent
    def sqrt(self) -> Interval:
        """Return the square root, unknown where self may be negative."""
        return _rounded(np.sqrt(self.low), np.sqrt(self.high), self.dtype, units=3)

    @_silent
    def power(self, exponent: int) -> Interval:
        """Return self ** exponent for a non-negative self and an exponent of at least 1."""
        base = np.where(self.low >= 0, self.low, np.nan)
        units = max(2, exponent)
        return _rounded(base**exponent, self.high**exponent, self.dtype, units)

    def sign(self) -> Interval:
        """Return -1, 0 or 1, or an interval between them where self may be zero."""
        low, high = np.where(self.known, (np.sign(self.low), np.sign(self.high)), np.nan)
        return _known(low, high, self.dtype)

    def __abs__(self) -> Interval:
        """Return |self|, exactly."""
        ends = np.abs(self.low), np.abs(self.high)
        nearest = np.where((self.low <= 0) & (self.high >= 0), 0.0, np.minimum(*ends))
        return _known(nearest, np.maximum(*ends), self.dtype)

    def maximum(self, other: Interval | float) -> Interval:
        """Return the larger of both; where one is unknown (perhaps NaN), unknown."""
        other = self._operand(other)
        return _known(
            np.maximum(self.low, other.low), np.maximum(self.high, other.high), self.dtype
        )

    def _operand(self, other: Interval | float) -> Interval:
        if not isinstance(other, Interval):
            return Interval.of(other, self.dtype)
        if np.dtype(other.dtype) != np.dtype(self.dtype):
            message = f"Got intervals of {self.dtype} and {other.dtype}: rounding needs one dtype."
            raise TypeError(message)
        return other


def _limits(dtype: DTypeLike) -> Any:
    return ml_dtypes.finfo(dtype)


def _smallest_normal(dtype: DTypeLike) -> float:
    return float(_limits(dtype).smallest_normal)


def _known(low: Array, high: Array, dtype: DTypeLike) -> Interval:
    """Return the interval, or the one that says nothing where a value may overflow or be NaN."""
    largest = float(_limits(dtype).max)
    known = (low >= -largest) & (high <= largest)
    return Interval(np.where(known, low, -np.inf), np.where(known, high, np.inf), dtype)


def _rounded(low: Array, high: Array, dtype: DTypeLike, units: int = 1) -> Interval:
    """Widen the exact bounds by `units` roundings of `dtype` and by one flushed subnormal.

    The rounding of float64 itself hides in the bound: rounding to nearest errs by at most
    u / (1 + u), and the u² to spare exceeds 2⁻⁵² for float32 and narrower.
    """
    unit = units * float(_limits(dtype).eps) / 2
    least = _smallest_normal(dtype)
    # Neither rounding nor flushing changes a sign: zero stays zero, and squares non-negative.
    below = low - (unit * np.abs(low) + least)
    above = high + (unit * np.abs(high) + least)
    return _known(
        np.where(low >= 0, np.maximum(below, 0.0), below),
        np.where(high <= 0, np.minimum(above, 0.0), above),
        dtype,
    )
