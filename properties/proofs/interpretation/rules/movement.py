"""What moves elements without computing: ranges stay, identities where no place changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from jax.lax import GatherScatterMode

from ..domain import NOTHING, Level, Range, Same, join_ranges, ranged
from ..floats import limits
from .arithmetic import outward
from .rule import Call, cap, kept

# What is taken from one operand


def first(call: Call) -> Range | None:
    """Keep the range of the first operand."""
    return call.operands[0].range


def own(call: Call) -> Range | None:
    """Keep the range of the operand at the output's own position."""
    return call.operands[call.position].range


def joined(call: Call) -> Range | None:
    """Bound what takes elements from all operands."""
    return join_ranges(each.range for each in call.operands)


def first_and(index: int) -> Callable[[Call], Range | None]:
    """Return the bounds of what takes elements from the first operand and from another one."""
    return lambda call: join_ranges((call.operands[0].range, call.operands[index].range))


def kept_in_place(call: Call) -> Same:
    """Keep all bits where the shape stays, and with it each element's place."""
    return kept(call, call.operands[0], Level.BITS)


def kept_by_own(call: Call) -> Same:
    """Keep all bits of the operand at the output's own position."""
    return kept(call, call.operands[call.position], Level.BITS)


def kept_by_reshape(call: Call) -> Same:
    """Keep all bits where the shape stays, unless axes change places before."""
    return kept_in_place(call) if call.params["dimensions"] is None else NOTHING


def kept_by_transpose(call: Call) -> Same:
    """Keep all bits where no axis changes place."""
    permutation = tuple(call.params["permutation"])
    return kept_in_place(call) if permutation == tuple(range(len(permutation))) else NOTHING


def gathered(call: Call) -> Range | None:
    """Bound a gather: out of bounds it may fill, with NaN by default."""
    fills = call.params["mode"] not in (
        GatherScatterMode.CLIP,
        GatherScatterMode.PROMISE_IN_BOUNDS,
    )
    return call.unknown if fills else first(call)


def counted(call: Call) -> Range | None:
    """Bound 0, 1, … along an axis, which round where the dtype has not all of them."""
    last = max(call.shape[call.params["dimension"]] - 1, 0)
    return outward(call, 0, last, plus_zero=True)


def index_along(call: Call) -> Range | None:
    """Bound the place of an extreme along an axis."""
    size = math.prod(call.operands[0].shape[axis] for axis in call.params["axes"])
    return ranged(0, max(size - 1, 0), call.dtype, plus_zero=True)


# Conversions


def convert(call: Call) -> Range | None:
    """Bound a conversion: to floats it rounds, to integers it truncates what they can hold."""
    (a,) = call.ranges
    source, target = limits(call.operands[0].dtype), limits(call.dtype)
    if source is None or target is None:
        return call.unknown
    if target.is_float:
        return outward(
            call, a.low, a.high, nan=a.nan, minus_zero=a.minus_zero, plus_zero=a.plus_zero
        )
    if call.dtype.kind == "b":
        never_zero = a.low > 0 or a.high < 0
        return Range(int(never_zero), int(not a.is_zero), plus_zero=not never_zero)
    if not source.is_float:
        return ranged(a.low, a.high, call.dtype)
    if a.is_finite and target.lowest <= a.low and a.high <= target.highest:
        return ranged(math.trunc(a.low), math.trunc(a.high), call.dtype)
    return call.unknown  # what does not fit becomes what the machine likes


def kept_by_convert(call: Call) -> Same:
    """Keep a number that both dtypes hold: an input's own dtype must fit into the new one."""
    operand = call.operands[0]
    if operand.shape != call.shape:
        return NOTHING
    fitting = {each: level for each, level in operand.same.items() if holds(call.dtype, each.dtype)}
    unchanged = operand.dtype == call.dtype
    return cap(fitting, Level.BITS if unchanged else Level.SIGNED)


def holds(larger: Any, smaller: Any) -> bool:
    """Tell whether a dtype has every number of another one."""
    if larger == smaller:
        return True
    one, other = limits(larger), limits(smaller)
    if one is None or other is None:
        return False
    if one.is_float and other.is_float:
        return one.epsilon <= other.epsilon and one.tiny <= other.tiny
    if one.is_float or other.is_float or "b" in (larger.kind, smaller.kind):
        return False
    return one.lowest <= other.lowest and other.highest <= one.highest
