"""What is known of an array: whose bits it has, within which range it lies, what it depends on.

Everything here errs to one side only: a value that a program can compute is never left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias, final

import numpy as np

from .floats import Limits, Number, limits


class Level(IntEnum):
    """How much an array has in common with another one, element by element."""

    #: Equal as real numbers once subnormals are zero: −0 = +0, and NaN equals NaN.
    VALUE = 1
    #: And with the same sign of zero: all bits, but for the payload of a NaN and for subnormals,
    #: which arithmetic may flush.
    SIGNED = 2
    #: The very bits, because nothing computes: they are moved.
    BITS = 3


@final
@dataclass(frozen=True)
class Source:
    """An input that arrays are compared with: its number, and the dtype that it has."""

    number: int
    dtype: Any


#: The inputs that an array equals, element by element, each with how much they have in common.
Same: TypeAlias = Mapping[Source, Level]
#: A set of inputs, one bit each.
Inputs: TypeAlias = int

NOTHING: Same = {}


@final
@dataclass(frozen=True)
class Range:
    """Where the elements of an array lie: all numbers from `low` to `high`, both included.

    A range that reaches below the smallest normal number also holds the zero of that sign, since a
    program may flush subnormals, or may not.
    """

    low: Number
    high: Number
    nan: bool = False
    #: Some element may be −0, or +0. Integers have the latter.
    minus_zero: bool = False
    plus_zero: bool = False

    @property
    def is_zero(self) -> bool:
        """Whether every element is a zero, of either sign."""
        return self.low == self.high == 0 and not self.nan

    @property
    def is_plus_zero(self) -> bool:
        """Whether every element is +0."""
        return self.is_zero and not self.minus_zero

    @property
    def is_minus_zero(self) -> bool:
        """Whether every element is −0."""
        return self.is_zero and not self.plus_zero

    @property
    def constant(self) -> Number | None:
        """The one number, of one sign, that all elements are, if that is known."""
        both_zeros = self.minus_zero and self.plus_zero
        return self.low if self.low == self.high and not self.nan and not both_zeros else None

    @property
    def has_zero(self) -> bool:
        """Whether an element may be zero."""
        return self.minus_zero or self.plus_zero

    @property
    def has_infinity(self) -> bool:
        """Whether an element may be infinite."""
        return math.isinf(self.low) or math.isinf(self.high)

    @property
    def is_finite(self) -> bool:
        """Whether no element is infinite or NaN."""
        return not (self.nan or self.has_infinity)

    @property
    def may_be_negative(self) -> bool:
        """Whether an element may have its sign bit set; that of a NaN does not count."""
        return self.low < 0 or self.minus_zero

    @property
    def may_be_positive(self) -> bool:
        """Whether an element may have its sign bit clear."""
        return self.high > 0 or self.plus_zero

    def join(self, other: Range) -> Range:
        """Return the smallest range that holds both; between two signs there is zero."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        crosses = low < 0 < high
        return Range(
            low,
            high,
            self.nan or other.nan,
            self.minus_zero or other.minus_zero or crosses,
            self.plus_zero or other.plus_zero or crosses,
        )

    def widen(self, grown: Range, dtype: Any) -> Range:
        """Return a range that holds both and has moved to one of few ends, so that loops end."""
        joined, known = self.join(grown), limits(dtype)
        assert known is not None, "only arrays of a known dtype have a range"
        low = joined.low if joined.low == self.low else _end_below(joined.low, known)
        high = joined.high if joined.high == self.high else -_end_below(-joined.high, known, True)
        return ranged(low, high, dtype, joined.nan, joined.minus_zero, joined.plus_zero)


def _end_below(value: Number, known: Limits, mirrored: bool = False) -> Number:
    lowest = -known.highest if mirrored else known.lowest
    ends: list[Number] = [1, 0, -1, lowest, *([-math.inf] if known.is_float else [])]
    return next(end for end in ends if end <= value)


def ranged(
    low: Number,
    high: Number,
    dtype: Any,
    nan: bool = False,
    minus_zero: bool = False,
    plus_zero: bool = False,
) -> Range:
    """Return a range of a dtype, closed under flushing; integers that wrapped may be anything."""
    known = limits(dtype)
    assert known is not None, "only arrays of a known dtype have a range"
    if not known.is_float:
        if low < known.lowest or high > known.highest:
            low, high = known.lowest, known.highest
        return Range(int(low), int(high), False, False, low <= 0 <= high)
    if 0 < low < known.tiny:
        low = 0.0
    if -known.tiny < high < 0:
        high = 0.0
    subnormal_below = low < 0 and high > -known.tiny
    subnormal_above = high > 0 and low < known.tiny
    reaches = low <= 0 <= high
    return Range(
        low + 0.0,
        high + 0.0,
        nan,
        reaches and (minus_zero or subnormal_below),
        reaches and (plus_zero or subnormal_above),
    )


def unknown(dtype: Any) -> Range | None:
    """Return the range of an unknown array; None for dtypes without ranges."""
    known = limits(dtype)
    if known is None:
        return None
    if known.is_float:
        return Range(-math.inf, math.inf, True, True, True)
    return Range(known.lowest, known.highest, plus_zero=True)


def range_of(array: Any) -> Range | None:
    """Return the range of a concrete array."""
    array = np.asarray(array)
    if limits(array.dtype) is None or array.size == 0:
        return unknown(array.dtype)
    known = limits(array.dtype)
    assert known is not None
    if not known.is_float:
        return ranged(int(array.min()), int(array.max()), array.dtype)
    wide = array.astype(np.float64)
    numbers, nan = wide[~np.isnan(wide)], bool(np.isnan(wide).any())
    if numbers.size == 0:
        return unknown(array.dtype)
    zeros = numbers == 0
    return ranged(
        float(numbers.min()),
        float(numbers.max()),
        array.dtype,
        nan,
        bool((zeros & np.signbit(numbers)).any()),
        bool((zeros & ~np.signbit(numbers)).any()),
    )


@final
@dataclass(frozen=True, eq=False)
class Origin:
    """The equation that computed a value, and what it computed it from."""

    primitive: str
    params: Mapping[str, Any]
    operands: Sequence[Value]
    #: The equation itself, for its text and its line in the source.
    equation: Any = None


@final
@dataclass(frozen=True, eq=False)
class Value:
    """What is known of one array; two are the same array only if they are the same object."""

    shape: tuple[int, ...]
    dtype: Any
    #: None for dtypes without ranges, such as keys and complex numbers.
    range: Range | None
    same: Same = field(default_factory=dict)
    #: The inputs that it depends on.
    reads: Inputs = 0
    #: None for an input.
    origin: Origin | None = None

    @property
    def is_zero(self) -> bool:
        """Whether every element is a zero."""
        return self.range is not None and self.range.is_zero

    @property
    def is_constant(self) -> bool:
        """Whether it is one number whatever the inputs are: then it depends on none of them."""
        return self.range is not None and self.range.constant is not None


def constant(array: Any) -> Value:
    """Return what is known of a constant: its range."""
    shape, dtype = tuple(np.shape(array)), getattr(array, "dtype", np.asarray(array).dtype)
    return Value(shape, dtype, range_of(array) if limits(dtype) else None)


def anything(shape: Iterable[int], dtype: Any, reads: Inputs = 0) -> Value:
    """Return an array that is unknown but for the inputs that it depends on."""
    return Value(tuple(shape), dtype, unknown(dtype), NOTHING, reads)


def join_same(first: Same, second: Same) -> Same:
    """Return what two arrays have in common with inputs, either way."""
    return {each: min(first[each], second[each]) for each in first.keys() & second.keys()}


def join_ranges(ranges: Iterable[Range | None]) -> Range | None:
    """Return the smallest range that holds all; None where one is not known."""
    joined: Range | None = None
    for each in ranges:
        if each is None:
            return None
        joined = each if joined is None else joined.join(each)
    return joined
