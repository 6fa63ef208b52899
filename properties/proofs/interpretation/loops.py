"""Fixed points: what holds before every round of a loop, given what holds before the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .domain import Range, Value, join_same

#: Rounds in which a range grows as it likes; after them it moves to the next of few ends.
_PATIENCE = 2

Values = list[Value]


def settle(initial: Sequence[Value], body: Callable[[Values], Values]) -> tuple[Values, Values]:
    """Return what holds before every round, and what after it.

    It ends: a range has few ends to move to, identities only get lost, dependencies only come.
    """
    entry = [replace(each, origin=None) for each in initial]
    rounds = 0
    while True:
        after = body(entry)
        grown = [
            join(before, each, widening=rounds >= _PATIENCE)
            for before, each in zip(entry, after, strict=True)
        ]
        if all(map(alike, entry, grown)):
            return entry, after
        entry = grown
        rounds += 1


def join(before: Value, after: Value, *, widening: bool) -> Value:
    """Return a value that may be either."""
    return Value(
        before.shape,
        before.dtype,
        _joined(before, after, widening),
        join_same(before.same, after.same),
        before.reads | after.reads,
    )


def _joined(before: Value, after: Value, widening: bool) -> Range | None:
    if before.range is None or after.range is None:
        return None
    joined = before.range.join(after.range)
    if joined == before.range or not widening:
        return joined
    return before.range.widen(after.range, before.dtype)


def alike(first: Value, second: Value) -> bool:
    """Tell whether the same is known of two values."""
    return first.range == second.range and first.same == second.same and first.reads == second.reads
