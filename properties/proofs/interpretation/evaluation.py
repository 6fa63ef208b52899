"""One equation: from what is known of its operands to what is known of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .domain import NOTHING, Inputs, Level, Origin, Range, Same, Value, unknown
from .rules.rule import Call
from .rules.table import RULES


def evaluate(
    primitive: str,
    params: Mapping[str, Any],
    operands: Sequence[Value],
    outputs: Sequence[tuple[tuple[int, ...], Any]],
    equation: Any = None,
) -> list[Value]:
    """Apply the rule of a primitive; without one the outputs may be anything."""
    rule = RULES.get(primitive)
    origin = Origin(primitive, params, operands, equation)
    values = []
    for position, (shape, dtype) in enumerate(outputs):
        bounds, same = unknown(dtype), NOTHING
        if rule is not None:
            call = Call(params, operands, shape, dtype, position)
            if rule.moves or (
                bounds is not None and all(each.range is not None for each in operands)
            ):
                bounds = rule.bounds(call)
            same = rule.keeps(call)
        values.append(made(shape, dtype, bounds, same, read_by(operands), origin))
    return values


def made(
    shape: tuple[int, ...],
    dtype: Any,
    bounds: Range | None,
    same: Same,
    reads: Inputs,
    origin: Origin,
) -> Value:
    """Return a value; what is one number, or the bits of an input, depends on nothing else."""
    if bounds is not None and bounds.constant is not None:
        reads = 0
    for operand in origin.operands:
        bits = [each for each, level in operand.same.items() if level is Level.BITS]
        if any(same.get(each) is Level.BITS for each in bits):
            reads &= operand.reads
    return Value(shape, dtype, bounds, same, reads, origin)


def read_by(operands: Sequence[Value]) -> Inputs:
    """Return the inputs that any of these depends on."""
    reads = 0
    for each in operands:
        reads |= each.reads
    return reads
