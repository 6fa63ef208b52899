"""Addition, multiplication and their like: careful with zeros, infinity and NaN."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..domain import NOTHING, Level, Range, Same, Value, join_same, ranged
from ..floats import Number, above, below, limits
from .rule import Call, kept, together


def outward(call: Call, low: Number, high: Number, **facts: bool) -> Range:
    """Return the range of all that results from `low` to `high` may round to."""
    if call.is_float:
        low, high = below(float(low), call.dtype), above(float(high), call.dtype)
    return ranged(low, high, call.dtype, **facts)


# Sums


def add(call: Call) -> Range:
    """Bound a + b."""
    a, b = call.ranges
    return _sum(call, a, b)


def subtract(call: Call) -> Range:
    """Bound a − b."""
    a, b = call.ranges
    first, second = call.operands
    shared = [first.same[each] for each in first.same.keys() & second.same.keys()]
    if call.is_float and Level.BITS in shared and _both_exact(first, second):
        # x − x is +0, but NaN where x is infinite.
        return ranged(0.0, 0.0, call.dtype, nan=not a.is_finite, plus_zero=True)
    if not call.is_float:  # a − lowest wraps although −lowest does not exist
        return outward(call, a.low - b.high, a.high - b.low)
    return _sum(call, a, mirrored(b))


def _both_exact(first: Value, second: Value) -> bool:
    return any(
        first.same[each] == second.same[each] == Level.BITS
        for each in first.same.keys() & second.same.keys()
    )


def negate(call: Call) -> Range:
    """Bound −a."""
    (a,) = call.ranges
    return mirrored(a) if call.is_float else outward(call, -a.high, -a.low)


def mirrored(a: Range) -> Range:
    """Return the range of −a, for floats."""
    return Range(-a.high + 0.0, -a.low + 0.0, a.nan, a.plus_zero, a.minus_zero)


def _sum(call: Call, a: Range, b: Range) -> Range:
    if not call.is_float:
        return outward(call, a.low + b.low, a.high + b.high)
    opposite = (a.high == math.inf and b.low == -math.inf) or (
        a.low == -math.inf and b.high == math.inf
    )
    low, high = a.low + b.low, a.high + b.high
    cancels = not (a.is_zero and b.is_zero)  # x + (−x) is +0
    return outward(
        call,
        -math.inf if math.isnan(low) else low,
        math.inf if math.isnan(high) else high,
        nan=a.nan or b.nan or opposite,
        # The compiler leaves out to add a constant +0, which would make +0 of −0 (jaxlib 0.10.2).
        minus_zero=(a.minus_zero and b.has_zero) or (b.minus_zero and a.has_zero),
        plus_zero=cancels or a.plus_zero or b.plus_zero,
    )


def kept_by_add(call: Call) -> Same:
    """Keep x in x + 0."""
    a, b = call.operands
    return together(_kept_beside(call, a, b, adding=True), _kept_beside(call, b, a, adding=True))


def kept_by_subtract(call: Call) -> Same:
    """Keep x in x − 0."""
    a, b = call.operands
    return _kept_beside(call, a, b, adding=False)


def _kept_beside(call: Call, kept_one: Value, zero: Value, *, adding: bool) -> Same:
    if zero.range is None or not zero.range.is_zero:
        return NOTHING
    if not call.is_float:
        return kept(call, kept_one, Level.BITS)
    harmless = zero.range.is_minus_zero if adding else zero.range.is_plus_zero
    return kept(call, kept_one, Level.SIGNED if harmless else Level.VALUE)


# Products


def multiply(call: Call) -> Range:
    """Bound a · b."""
    a, b = call.ranges
    if call.operands[0] is call.operands[1]:
        return square(call)
    nan = (a.has_zero and b.has_infinity) or (a.has_infinity and b.has_zero)
    corners = [_product(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    bounds = _signed(call, corners, a, b, nan=a.nan or b.nan or nan)
    if call.is_float and bounds.has_zero and any(map(_is_mask, call.operands)):
        return replace(bounds, plus_zero=True)
    return bounds


#: What hands on elements that stood for true and false.
_HANDS_ON = frozenset(
    ["broadcast_in_dim", "convert_element_type", "copy", "reshape", "slice", "squeeze", "transpose"]
)


def _is_mask(factor: Value) -> bool:
    """Tell whether a factor is made of booleans. The compiler turns `x * mask` into `where(mask, x,
    0)`: its zeros are +0 even where x is negative, infinite or NaN (jaxlib 0.10.2,
    `findings/mask_times_infinity_is_zero_under_jit.sh`).
    """
    while factor.origin is not None and factor.origin.primitive in _HANDS_ON:
        factor = factor.origin.operands[0]
        if factor.dtype == bool:
            return True
    return False


def square(call: Call) -> Range:
    """Bound a · a, which is never negative."""
    a = call.ranges[0]
    size = magnitude(a)
    return outward(
        call,
        _product(size.low, size.low),
        _product(size.high, size.high),
        nan=a.nan,
        plus_zero=a.has_zero,
    )


def _product(x: Number, y: Number) -> Number:
    return 0.0 if x == 0 or y == 0 else x * y


def _signed(call: Call, corners: list[Number], a: Range, b: Range, *, nan: bool) -> Range:
    """Return the range of a product or quotient: its zeros have the product of the signs."""
    alike = (a.may_be_positive and b.may_be_positive) or (a.may_be_negative and b.may_be_negative)
    unlike = (a.may_be_positive and b.may_be_negative) or (a.may_be_negative and b.may_be_positive)
    low, high = min(corners), max(corners)
    if not call.is_float:
        return outward(call, low, high)
    return outward(call, low, high, nan=nan, minus_zero=unlike, plus_zero=alike)


def kept_by_multiply(call: Call) -> Same:
    """Keep x in x · 1."""
    a, b = call.operands
    return together(_kept_beside_one(call, a, b), _kept_beside_one(call, b, a))


def kept_by_divide(call: Call) -> Same:
    """Keep x in x / 1."""
    a, b = call.operands
    return _kept_beside_one(call, a, b)


def _kept_beside_one(call: Call, kept_one: Value, one: Value) -> Same:
    if one.range is None or one.range.constant != 1:
        return NOTHING
    return kept(call, kept_one, Level.SIGNED if call.is_float else Level.BITS)


def divide(call: Call) -> Range | None:
    """Bound a / b."""
    a, b = call.ranges
    if not call.is_float:
        return call.unknown
    nan = a.nan or b.nan or (a.has_infinity and b.has_infinity) or (a.has_zero and b.has_zero)
    if b.low > 0 or b.high < 0:
        corners = [_quotient(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    elif a.low >= 0 and b.low >= 0 and not (a.minus_zero or b.minus_zero):
        corners = [0.0, math.inf]
    else:
        corners = [-math.inf, math.inf]
    return _signed(call, corners, a, b, nan=nan)


def _quotient(x: Number, y: Number) -> float:
    if x == 0 or math.isinf(y):
        # ∞/∞ is NaN, and what is just below ∞ may be anything.
        return math.copysign(math.inf, x) * math.copysign(1, y) if math.isinf(x) else 0.0
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float64(x) / np.float64(y))


def whole_power(call: Call) -> Range | None:
    """Bound a ** n for a whole number n, which is a product of equal factors."""
    (a,) = call.ranges
    exponent = call.params["y"]
    if not call.is_float or exponent < 0:
        return call.unknown
    if exponent == 0:
        return ranged(1.0, 1.0, call.dtype)
    if exponent == 1:
        return a
    if exponent == 2:
        return square(call)
    size = magnitude(a)
    if exponent % 2 == 0:
        low, high = _power(size.low, exponent), _power(size.high, exponent)
        return slack(call, low, high, factors=exponent, nan=a.nan, plus_zero=a.has_zero)
    low, high = _power(a.low, exponent), _power(a.high, exponent)
    return slack(
        call,
        low,
        high,
        factors=exponent,
        nan=a.nan,
        minus_zero=a.minus_zero,
        plus_zero=a.plus_zero,
    )


def _power(x: Number, exponent: int) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float64(x) ** exponent)


def kept_by_whole_power(call: Call) -> Same:
    """Keep x in x ** 1."""
    return kept(call, call.operands[0], Level.SIGNED) if call.params["y"] == 1 else NOTHING


#: XLA's elementary functions round to within some units in the last place of the result; more where
#: they go by way of a logarithm, by its size.
_ULPS = 16


def slack(
    call: Call, low: float, high: float, *, logarithm: float = 0.0, factors: int = 0, **facts: bool
) -> Range:
    """Return the range of a function whose result may be off by some units in the last place.

    A product of so many `factors` is off by half a unit for each, one error upon the other.
    """
    epsilon = _epsilon(call)
    share = _ULPS * (1 + logarithm) * epsilon + math.expm1(min(factors * epsilon / 2, 700.0))

    def moved(value: float, outwards: float) -> float:
        off = value if math.isinf(value) else value + outwards * share * abs(value)
        return 0.0 if off * value < 0 else off  # no error changes the sign

    return outward(call, moved(low, -1), moved(high, 1), **facts)


def _epsilon(call: Call) -> float:
    known = limits(call.dtype)
    return known.epsilon if known else 0.0


# Sizes and order


def magnitude(a: Range) -> Range:
    """Return the range of |a|."""
    low = 0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    return Range(low, max(abs(a.low), abs(a.high)), a.nan, False, a.has_zero)


def absolute(call: Call) -> Range:
    """Bound |a|."""
    size = magnitude(call.ranges[0])
    if not call.is_float:
        return outward(call, size.low, size.high)  # |lowest| wraps
    return size


def sign(call: Call) -> Range:
    """Bound sign(a), which keeps NaN, and zeros but for their sign."""
    (a,) = call.ranges
    low = -1 if a.low < 0 else 0 if a.low == 0 or a.has_zero else 1
    high = 1 if a.high > 0 else 0 if a.high == 0 or a.has_zero else -1
    # The compiler makes +0 of the sign of a constant −0 (jaxlib 0.10.2).
    return ranged(low, high, call.dtype, a.nan, a.minus_zero, a.has_zero)


def maximum(call: Call) -> Range:
    """Bound max(a, b), which is NaN where either is."""
    a, b = call.ranges
    return _extreme(call, max(a.low, b.low), max(a.high, b.high))


def minimum(call: Call) -> Range:
    """Bound min(a, b), which is NaN where either is."""
    a, b = call.ranges
    return _extreme(call, min(a.low, b.low), min(a.high, b.high))


def clamp(call: Call) -> Range:
    """Bound min(max(x, low), high)."""
    least, x, most = call.ranges
    low = min(max(x.low, least.low), most.low)
    high = min(max(x.high, least.high), most.high)
    return _extreme(call, low, high)


def _extreme(call: Call, low: Number, high: Number) -> Range:
    ranges = call.ranges
    return ranged(
        low,
        high,
        call.dtype,
        any(each.nan for each in ranges),
        # Which of two zeros is taken is not said.
        any(each.minus_zero for each in ranges),
        any(each.plus_zero for each in ranges),
    )


def kept_by_extreme(call: Call) -> Same:
    """Keep x in max(x, x)."""
    a, b = call.operands
    return join_same(kept(call, a, Level.SIGNED), kept(call, b, Level.SIGNED))
