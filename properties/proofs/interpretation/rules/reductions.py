"""Sums and products over axes, in whatever order a compiler takes them."""

from __future__ import annotations

import math
from dataclasses import replace

from ..domain import Range, ranged
from ..floats import limits
from .arithmetic import multiply, outward
from .rule import Call


def total(call: Call) -> Range | None:
    """Bound a sum over axes: no order of n additions leaves n·high·(1 + ε)ⁿ."""
    operand = call.operands[0]
    return _summed(call, math.prod(operand.shape[axis] for axis in call.params["axes"]))


def running_total(call: Call) -> Range | None:
    """Bound the sums along an axis, each over at least one element."""
    return _summed(call, call.operands[0].shape[call.params["axis"]])


def _summed(call: Call, count: int) -> Range | None:
    (a,) = call.ranges
    known = limits(call.dtype)
    assert known is not None
    if count == 0:
        return ranged(0, 0, call.dtype, plus_zero=True)
    if not known.is_float:
        return outward(call, min(a.low, a.low * count), max(a.high, a.high * count))
    growth = math.exp(min(2 * count * known.epsilon, 700.0))
    # A sum of what is not negative is at least as large as any of its terms.
    low = a.low if a.low >= 0 else a.low * count * growth
    high = a.high if a.high <= 0 else a.high * count * growth
    overflows = low < known.lowest and high > known.highest
    return outward(call, low, high, nan=a.nan or overflows, minus_zero=a.minus_zero, plus_zero=True)


def extreme(call: Call) -> Range | None:
    """Bound the largest or smallest along axes: one of the elements, if there are any."""
    (a,) = call.ranges
    return call.unknown if 0 in call.operands[0].shape else a


def all_or_any(call: Call) -> Range | None:
    """Bound whether all or any are true: as one of them. Of integers the bits are joined."""
    return extreme(call) if call.dtype.kind == "b" else call.unknown


def products_summed(call: Call) -> Range | None:
    """Bound sums of products: zero if one side is, or NaN where the other is not finite;
    not negative where no side is.
    """
    a, b = call.ranges
    if not call.is_float:
        return call.unknown
    product = multiply(Call(call.params, call.operands, call.shape, call.dtype))
    if product.low == product.high == 0:
        return ranged(0.0, 0.0, call.dtype, product.nan, minus_zero=True, plus_zero=True)
    if a.low >= 0 and b.low >= 0:
        return ranged(0.0, math.inf, call.dtype, product.nan, True, True)
    return call.unknown


def convolved(call: Call) -> Range | None:
    """Bound a convolution, some of whose products are with zeros around the edge."""
    bounds = products_summed(call)
    if bounds is None or not any(each.has_infinity for each in call.ranges):
        return bounds
    return replace(bounds, nan=True)


def over_devices(call: Call) -> Range | None:
    """Bound a sum over devices, of whatever number."""
    a = call.ranges[call.position]
    if a.is_zero:
        return ranged(0, 0, call.dtype, minus_zero=a.minus_zero, plus_zero=True)
    if call.is_float and a.low >= 0:
        return ranged(0.0, math.inf, call.dtype, a.nan, a.minus_zero, True)
    return call.unknown


def added_in_places(call: Call) -> Range | None:
    """Bound a scatter that adds: where only zeros are added the numbers stay."""
    operand, _, updates = call.ranges
    if updates.is_zero:
        zeros = operand.minus_zero or operand.plus_zero
        return ranged(operand.low, operand.high, call.dtype, operand.nan, operand.minus_zero, zeros)
    return call.unknown
