"""Roots, powers, exponentials: within some units in the last place of the real function."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from ..domain import Range, ranged
from .arithmetic import slack
from .rule import Call

Bounds = Callable[[Call], Range | None]


def increasing(
    function: Callable[[np.float64], np.float64], least: float = -math.inf, *, odd: bool = False
) -> Bounds:
    """Return the bounds of an increasing function, which is NaN below its domain.

    One that is `odd` near zero keeps the sign of a zero; the others are never −0.
    """

    def bounds(call: Call) -> Range | None:
        (a,) = call.ranges
        if not call.is_float:
            return call.unknown
        low, high = (_at(function, max(end, least)) for end in (a.low, a.high))
        return slack(
            call,
            low,
            high,
            logarithm=_size(low, high),
            nan=a.nan or a.low < least,
            minus_zero=odd and a.may_be_negative,
            plus_zero=a.may_be_positive or not odd,
        )

    return bounds


def _at(function: Callable[[np.float64], np.float64], x: float) -> float:
    with np.errstate(all="ignore"):
        return float(function(np.float64(x)))


def _size(*results: float) -> float:
    return max(
        (abs(math.log(abs(each))) for each in results if each and math.isfinite(each)), default=0.0
    )


def square_root(call: Call) -> Range:
    """Bound √a: NaN below zero, and the zeros as they are."""
    (a,) = call.ranges
    low, high = (math.sqrt(max(end, 0.0)) for end in (a.low, a.high))
    return slack(
        call,
        low,
        high,
        nan=a.nan or a.low < 0,
        minus_zero=a.minus_zero,
        plus_zero=a.plus_zero,
    )


def inverse_root(call: Call) -> Range:
    """Bound 1/√a: ∞ with the sign of a zero."""
    (a,) = call.ranges
    low = 0.0 if math.isinf(a.high) or a.high <= 0 else 1 / math.sqrt(a.high)
    high = math.inf if a.low <= 0 else 0.0 if math.isinf(a.low) else 1 / math.sqrt(a.low)
    low = -math.inf if a.minus_zero else low
    return slack(call, low, high, nan=a.nan or a.low < 0, plus_zero=math.isinf(a.high))


def power(call: Call) -> Range | None:
    """Bound a ** b for a base that is not negative: its extremes lie in the corners."""
    a, b = call.ranges
    if not call.is_float or a.may_be_negative:
        return call.unknown
    corners = [_raised(x, y) for x in _ends(a) for y in _ends(b)]
    low, high = min(corners), max(corners)
    return slack(call, low, high, logarithm=_size(low, high), nan=a.nan or b.nan, plus_zero=True)


def _raised(base: float, exponent: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.power(np.float64(base), np.float64(exponent)))


def _ends(a: Range) -> tuple[float, float]:
    return float(a.low), float(a.high)


def between(low: float, high: float) -> Bounds:
    """Return the bounds of a function that lies between two numbers, and is NaN at infinity."""

    def bounds(call: Call) -> Range | None:
        (a,) = call.ranges
        if not call.is_float:
            return call.unknown
        nan = a.nan or a.has_infinity
        return slack(call, low, high, nan=nan, minus_zero=True, plus_zero=True)

    return bounds


def whole(function: Callable[[float], float]) -> Bounds:
    """Return the bounds of rounding to whole numbers, which is exact and keeps the sign of zero."""

    def bounds(call: Call) -> Range | None:
        (a,) = call.ranges
        if not call.is_float:
            return call.unknown
        low, high = (end if math.isinf(end) else float(function(end)) for end in (a.low, a.high))
        return ranged(
            low,
            high,
            call.dtype,
            a.nan,
            a.may_be_negative,
            a.may_be_positive,
        )

    return bounds


erf = increasing(special.erf, odd=True)
logistic = increasing(special.expit)
