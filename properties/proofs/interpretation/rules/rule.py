"""The form of a rule: how an equation bounds its output, and what it keeps of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ..domain import NOTHING, Level, Range, Same, Value, unknown
from ..floats import is_float, is_promoted


@final
@dataclass(frozen=True)
class Call:
    """One output of one equation: what is computed from what, and into which shape and dtype."""

    params: Mapping[str, Any]
    operands: Sequence[Value]
    shape: tuple[int, ...]
    dtype: Any
    #: Which output of the equation this is.
    position: int = 0

    @property
    def ranges(self) -> list[Range]:
        """The ranges of the operands, which all have one."""
        return [each.range for each in self.operands if each.range is not None]

    @property
    def is_float(self) -> bool:
        """Whether the output rounds."""
        return is_float(self.dtype)

    @property
    def unknown(self) -> Range | None:
        """The range of an unknown output."""
        return unknown(self.dtype)


@final
@dataclass(frozen=True)
class Rule:
    """What one primitive does."""

    #: The range of an output; called only where every operand has one.
    bounds: Callable[[Call], Range | None]
    #: What the output has in common with inputs.
    keeps: Callable[[Call], Same]
    #: Why this is so in floating-point arithmetic, in one sentence.
    because: str
    #: Works on dtypes without ranges, too, because it only moves elements.
    moves: bool = False


def nothing(call: Call) -> Same:
    """Keep nothing of any input."""
    del call
    return NOTHING


def cap(same: Same, level: Level) -> Same:
    """Return what is in common at no more than a level."""
    return {each: min(known, level) for each, known in same.items()}


def put_together(same: Same, dtype: Any, bounds: Range | None) -> Same:
    """Return what is in common with what elements are chosen from, or stacked."""
    widened = is_promoted(dtype) and (bounds is None or bounds.nan)
    return cap(same, Level.SIGNED) if widened else same


def kept(call: Call, operand: Value, level: Level) -> Same:
    """Return what an output has in common with inputs that equals an operand at a level."""
    # A scalar literal is broadcast by some primitives: its elements are in other places.
    return cap(operand.same, level) if operand.shape == call.shape else NOTHING


def together(first: Same, second: Same) -> Same:
    """Return what is in common by either of two arguments."""
    both = {each: max(first[each], second[each]) for each in first.keys() & second.keys()}
    return {**first, **second, **both}
