"""Comparisons and choices: decided where the ranges leave only one answer."""

from __future__ import annotations

from ..domain import Range, ranged
from .rule import Call


def truth(certain: bool, impossible: bool) -> Range:
    """Return the range of a bool that is true, false, or either."""
    return Range(int(certain), int(not impossible), plus_zero=not certain)


def equal(call: Call) -> Range:
    """Decide a = b; the zeros are equal, a NaN equals nothing."""
    a, b = call.ranges
    return truth(_surely_equal(a, b), _apart(a, b))


def unequal(call: Call) -> Range:
    """Decide a ≠ b, which is true of a NaN."""
    a, b = call.ranges
    return truth(_apart(a, b), _surely_equal(a, b))


def _surely_equal(a: Range, b: Range) -> bool:
    return a.low == a.high == b.low == b.high and not (a.nan or b.nan)


def _apart(a: Range, b: Range) -> bool:
    return a.high < b.low or b.high < a.low


def less(call: Call) -> Range:
    """Decide a < b, which is false of a NaN."""
    a, b = call.ranges
    return truth(a.high < b.low and not (a.nan or b.nan), a.low >= b.high)


def less_or_equal(call: Call) -> Range:
    """Decide a ≤ b, which is false of a NaN."""
    a, b = call.ranges
    return truth(a.high <= b.low and not (a.nan or b.nan), a.low > b.high)


def greater(call: Call) -> Range:
    """Decide a > b, which is false of a NaN."""
    a, b = call.ranges
    return truth(a.low > b.high and not (a.nan or b.nan), a.high <= b.low)


def greater_or_equal(call: Call) -> Range:
    """Decide a ≥ b, which is false of a NaN."""
    a, b = call.ranges
    return truth(a.low >= b.high and not (a.nan or b.nan), a.high < b.low)


def finite(call: Call) -> Range:
    """Decide whether a is neither infinite nor NaN."""
    (a,) = call.ranges
    return truth(a.is_finite, False)


def conjunction(call: Call) -> Range | None:
    """Decide a and b; of integers, what is not negative stays so."""
    a, b = call.ranges
    if call.dtype.kind != "b":
        if a.low < 0 or b.low < 0:
            return call.unknown
        return ranged(0, min(a.high, b.high), call.dtype)
    return truth(bool(a.low and b.low), not (a.high and b.high))


def disjunction(call: Call) -> Range | None:
    """Decide a or b."""
    a, b = call.ranges
    if call.dtype.kind != "b":
        return call.unknown
    return truth(bool(a.low or b.low), not (a.high or b.high))


def negation(call: Call) -> Range | None:
    """Decide not a."""
    (a,) = call.ranges
    if call.dtype.kind != "b":
        return call.unknown
    return truth(not a.high, bool(a.low))
