"""Choices that know why they are made: a case is looked at again under the condition it is for.

`where(count < largest, count + 1, largest)` never overflows, and `where(norm < 1, g, g / norm)`
divides by nothing below 1: both are lost where a case is taken for what it is without the choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from .domain import (
    NOTHING,
    Origin,
    Range,
    Value,
    join_ranges,
    join_same,
    ranged,
    unknown,
)
from .evaluation import evaluate, made, read_by
from .floats import Number, is_float, limits
from .rules.rule import put_together
from .rules.table import RULES

#: What takes each element of its output from the elements in the same place.
_ELEMENTWISE = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "square",
        "integer_pow",
        "abs",
        "sign",
        "max",
        "min",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "is_finite",
        "and",
        "or",
        "not",
        "sqrt",
        "rsqrt",
        "pow",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log1p",
        "tanh",
        "logistic",
        "erf",
        "sin",
        "cos",
        "floor",
        "ceil",
        "select_n",
        "convert_element_type",
        "copy",
    ]
)
#: Steps that are looked at again; what is further away stays as it was.
_MOST_STEPS = 200

#: By the primitive: that of a condition's opposite, and of the condition read from the right.
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


class Impossible(Exception):
    """No element meets the condition."""


#: Values, by their identity, under a condition.
Facts = dict[int, tuple[Value, Range]]


def choose(
    predicate: Value, cases: Sequence[Value], shape: tuple[int, ...], dtype: Any, equation: Any
) -> Value:
    """Return what is known of `select_n`: of the cases that there may be, each under its own."""
    possible = list(_possible(predicate, cases))
    if not possible:  # as if nothing were known of the predicate
        possible = list(cases)
    bounds = join_ranges(each.range for each in possible)
    same = possible[0].same
    for each in possible[1:]:
        same = join_same(same, each.same)
    same = same if possible[0].shape == shape else NOTHING
    reads = read_by(possible) | (predicate.reads if len(possible) > 1 else 0)
    origin = Origin("select_n", {}, (predicate, *cases), equation)
    return made(shape, dtype, bounds, put_together(same, dtype, bounds), reads, origin)


def _possible(predicate: Value, cases: Sequence[Value]) -> Iterator[Value]:
    for number, case in enumerate(cases):
        if predicate.range is not None and not (
            predicate.range.low <= number <= predicate.range.high
        ):
            continue
        if len(cases) > 2:
            yield case
            continue
        try:
            yield under(predicate, bool(number), [case])[0]
        except Impossible:
            continue


def under(predicate: Value, holds: bool, values: Sequence[Value]) -> list[Value]:
    """Return values as they are where a predicate holds, or does not.

    Raises `Impossible` where that is never so.
    """
    facts: Facts = {}
    _collect(predicate, holds, facts, 8)
    if not facts:
        return list(values)
    known: dict[int, Value] = {}
    for key, (value, narrowed) in facts.items():
        known[key] = Value(
            value.shape, value.dtype, narrowed, value.same, value.reads, value.origin
        )
    scalar = all(value.shape == () for value, _ in facts.values())
    seen = _Again(known, scalar)
    return [seen.look(value) for value in values]


class _Again:
    """Evaluates values again, given what is known of some that they are computed from."""

    def __init__(self, known: dict[int, Value], scalar: bool) -> None:
        self._known = known
        #: What holds for an element holds for the others only if it is the only one.
        self._scalar = scalar
        self._steps = 0

    def look(self, value: Value) -> Value:
        """Return the value, evaluated again if it depends on what is known."""
        if id(value) in self._known:
            return self._known[id(value)]
        origin = value.origin
        if origin is None or self._steps >= _MOST_STEPS or not self._reaches(value, origin):
            return value
        self._steps += 1
        operands = [self.look(each) for each in origin.operands]
        again = value
        if any(new is not old for new, old in zip(operands, origin.operands, strict=True)):
            if origin.primitive == "select_n":
                again = choose(operands[0], operands[1:], value.shape, value.dtype, origin.equation)
            else:
                output = [(value.shape, value.dtype)]
                again = evaluate(
                    origin.primitive, origin.params, operands, output, origin.equation
                )[0]
        self._known[id(value)] = again
        return again

    def _reaches(self, value: Value, origin: Origin) -> bool:
        if origin.primitive in ("optimization_barrier", "sort", "split", "device_put", "pvary"):
            return False  # of several outputs: which one this is was not kept
        if self._scalar:
            return origin.primitive in RULES or origin.primitive == "select_n"
        return origin.primitive in _ELEMENTWISE and all(
            each.shape in ((), value.shape) for each in origin.operands
        )


# What a condition says


def _collect(predicate: Value, holds: bool, facts: Facts, depth: int) -> None:
    origin = predicate.origin
    if origin is None or depth == 0:
        return
    match origin.primitive, holds:
        case ("and", True) | ("or", False):
            for each in origin.operands:
                if each.dtype.kind == "b":
                    _collect(each, holds, facts, depth - 1)
        case "not", _:
            _collect(origin.operands[0], not holds, facts, depth - 1)
        case "reshape", _ if origin.params["dimensions"] is not None:
            return  # each element is in another place than what was said of it
        case (("convert_element_type" | "broadcast_in_dim" | "squeeze" | "reshape" | "copy"), _):
            inner = origin.operands[0]
            if inner.dtype.kind == "b" and inner.shape in ((), predicate.shape):
                _collect(inner, holds, facts, depth - 1)
        case "is_finite", True:
            (x,) = origin.operands
            _note(facts, x, _finite(x))
        case ((("lt" | "le" | "gt" | "ge" | "eq" | "ne") as relation), _):
            x, y = origin.operands
            _compare(facts, relation, x, y, holds)
            _compare(facts, _MIRRORED[relation], y, x, holds)


def _note(facts: Facts, value: Value, narrowed: Range | None) -> None:
    if narrowed is not None and narrowed != value.range and not value.is_constant:
        facts[id(value)] = value, narrowed


def _finite(x: Value) -> Range | None:
    ends, a = unknown(x.dtype), x.range
    if a is None or ends is None or not is_float(x.dtype):
        return None
    largest = _largest(x.dtype)
    if a.low > largest or a.high < -largest:
        raise Impossible
    return ranged(
        max(a.low, -largest), min(a.high, largest), x.dtype, False, a.minus_zero, a.plus_zero
    )


def finite(bounds: Range, dtype: Any) -> Range:
    """Return a range without NaN and infinities, where something of it is left."""
    value = Value((), dtype, bounds)
    try:
        return _finite(value) or bounds
    except Impossible:
        return bounds


def _largest(dtype: Any) -> float:
    known = limits(dtype)
    assert known is not None
    return float(known.highest)


def _compare(facts: Facts, relation: str, x: Value, y: Value, holds: bool) -> None:
    """Note what `x relation y`, or its failing, says about x."""
    a, b = x.range, y.range
    if a is None or b is None or (y.shape != x.shape and y.shape != ()):
        return
    ordered = holds != (relation == "ne")  # then neither is NaN
    if not ordered and b.nan:
        return
    relation = relation if holds else _OPPOSITE[relation]
    step = 0 if is_float(x.dtype) else 1
    low, high = a.low, a.high
    match relation:
        case "lt":
            high = min(high, b.high - step if math.isfinite(b.high) else b.high)
        case "le":
            high = min(high, b.high)
        case "gt":
            low = max(low, b.low + step if math.isfinite(b.low) else b.low)
        case "ge":
            low = max(low, b.low)
        case "eq":
            low, high = max(low, b.low), min(high, b.high)
        case "ne" if step and b.low == b.high:
            low, high = _without(b.low, low, high)
    if is_float(x.dtype) and relation in ("le", "ge", "eq"):
        low, high = _unflushed(low, high, a, x.dtype)
    nan = a.nan and not ordered
    if low > high:
        if not nan:
            raise Impossible
        return
    _note(facts, x, ranged(low, high, x.dtype, nan, a.minus_zero, a.plus_zero))


def _unflushed(low: Number, high: Number, a: Range, dtype: Any) -> tuple[Number, Number]:
    """Return bounds near zero with the subnormals beyond: a comparison may take them for zero."""
    known = limits(dtype)
    assert known is not None
    tiny = known.tiny
    return (
        max(a.low, -tiny) if abs(low) < tiny else low,
        min(a.high, tiny) if abs(high) < tiny else high,
    )


def _without(number: Number, low: Number, high: Number) -> tuple[Number, Number]:
    return (low + 1 if low == number else low), (high - 1 if high == number else high)
