"""Leaves in groups: by the first segments of their paths, and by what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

from ...properties.checkpoints.difference import max_or_nan
from ...properties.checkpoints.judging import Judged
from ...properties.checkpoints.roles import PARAMS, Role
from ...reference.pytrees.paths import Path, path_text

_MOST, _DEEPEST = 12, 4


@final
@dataclass(frozen=True)
class Group:
    """Leaves of one role with a common prefix."""

    prefix: Path
    role: Role
    leaves: Sequence[Judged]

    @property
    def name(self) -> str:
        """The prefix as it is shown."""
        return path_text(self.prefix)

    @property
    def moved(self) -> int:
        """How many leaves moved."""
        return sum(each.moved for each in self.leaves)

    @property
    def relative(self) -> float:
        """The largest relative difference of an element that was seen."""
        largest = 0.0
        for each in self.leaves:
            largest = max_or_nan(largest, each.difference.relative if each.difference else 0.0)
        return largest

    @property
    def ulps(self) -> int | None:
        """The largest distance of an element that was seen; None where one side is NaN."""
        changes = [each.difference.change for each in self.leaves if each.difference]
        distances = [change.ulps for change in changes if change is not None]
        return (
            None if None in distances else max((d for d in distances if d is not None), default=0)
        )

    @property
    def complete(self) -> bool:
        """Whether all elements were looked at, so that the numbers are the largest there are."""
        return all(each.difference.complete for each in self.leaves if each.difference)


def groups(judged: Sequence[Judged]) -> list[Group]:
    """Group leaves by as many segments as give a table that a person reads."""
    depth = max(
        (deep for deep in range(1, _DEEPEST) if len(_grouped(judged, deep)) <= _MOST), default=1
    )
    return _grouped(judged, depth)


def _grouped(judged: Sequence[Judged], depth: int) -> list[Group]:
    found: dict[tuple[Path, Role], list[Judged]] = {}
    for each in judged:
        # What every parameter lies in tells nothing.
        deep = depth + (each.path[0] == PARAMS)
        found.setdefault((each.path[: min(deep, len(each.path))], each.role), []).append(each)
    return [Group(prefix, role, leaves) for (prefix, role), leaves in found.items()]


def uniform_prefixes(judged: Collection[Judged]) -> Iterator[tuple[Path, str, int]]:
    """Yield the shortest prefixes whose leaves have one fate: the prefix, the fate, how many."""
    yield from _uniform((), list(judged))


def _uniform(prefix: Path, judged: Sequence[Judged]) -> Iterator[tuple[Path, str, int]]:
    below = {each.path[len(prefix)] for each in judged if len(each.path) > len(prefix)}
    if len({each.fate for each in judged}) == 1 and (prefix or len(below) < 2):
        yield prefix, judged[0].fate, len(judged)
        return
    # A leaf before may be what holds leaves after: `kernel`, and `kernel/value`.
    yield from ((prefix, each.fate, 1) for each in judged if each.path == prefix)
    inside: dict[str, list[Judged]] = {}
    for each in judged:
        if each.path != prefix:
            inside.setdefault(each.path[len(prefix)], []).append(each)
    for segment, leaves in inside.items():
        yield from _uniform((*prefix, segment), leaves)


def stayed(judged: Iterable[Judged]) -> list[Judged]:
    """Return the trainable leaves that stayed bit-identical."""
    return [each for each in judged if each.role is Role.TRAINABLE and not each.moved]
