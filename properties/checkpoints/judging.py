"""Compares all leaves of two checkpoints, several at once, and hands each on as it is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, TypeVar, final

from ...reference.pytrees.comparison import Change
from ...reference.pytrees.paths import Path
from .causes import cause_of
from .copies import Copy, copies_of
from .difference import Difference, difference
from .memory_budget import MemoryBudget
from .pairing import Leaves, Pair, pair_up
from .patterns import select
from .roles import Role, has_params, role_of
from .setting_aside import is_bulky
from .transfers import transfers

T = TypeVar("T")

#: Beside the leaves: what one job keeps of pieces, and what all may take beyond the largest pair.
#: A process takes some 60 MB before it compares, and 200 MB where it has loaded Orbax.
_PIECES, _SPARE = 8 << 20, 64 << 20


@final
@dataclass(frozen=True)
class Judged:
    """What became of one leaf."""

    pair: Pair
    role: Role
    #: None where the leaf appeared, vanished, or got another shape or dtype.
    difference: Difference | None
    #: What the movement of a leaf that was to stay looks like.
    cause: str | None = None
    #: Of an averaged copy of a frozen leaf: how far it is from it, although it equalled it before.
    drift: Change | None = None
    #: Whether it is such a copy, by name and by its numbers before.
    is_copy: bool = False

    @property
    def path(self) -> Path:
        """The leaf's path, as it is after."""
        return self.pair.path

    @property
    def moved(self) -> bool:
        """Whether a bit, or the form, is another one."""
        return self.difference is None or self.difference.moved

    @property
    def fate(self) -> str:
        """What became of it where nothing says what had to: appeared, vanished, moved or stayed."""
        if self.pair.before is None or self.pair.after is None:
            return self.pair.form_change or ""
        return "moved" if self.moved else "stayed"


@final
@dataclass(frozen=True)
class Plan:
    """What is to be compared: pairs, and the role of each."""

    pairs: Sequence[Pair]
    roles: Sequence[Role]
    copies: Sequence[Copy]

    @classmethod
    def of(
        cls, before: Leaves, after: Leaves, frozen: Collection[str], ignored: Collection[str] = ()
    ) -> Plan:
        """Pair leaves and give each its role. Raises `UnmatchedPattern`."""
        left_out = select("ignore", ignored, {**after, **before})
        pairs = [pair for pair in pair_up(before, after) if pair.path not in left_out]
        known = {pair.path: leaf for pair in pairs if (leaf := pair.after or pair.before)}
        chosen = select("frozen", frozen, known)
        collected = has_params(known)
        roles = [
            role_of(pair.path, known[pair.path], chosen, collected=collected) for pair in pairs
        ]
        return cls(pairs, roles, copies_of(chosen, pairs))


def judge(plan: Plan, done: Callable[[Judged], None] = lambda judged: None) -> list[Judged]:
    """Compare all pairs, and return what became of them in their order.

    `done` is called in this thread, with each leaf as soon as it is compared; once more for a leaf
    whose content turns up under another path. Raises `UnusableCheckpoint`.
    """
    largest = max((_memory(pair) for pair in plan.pairs), default=0)
    held = 2 * max((_size(pair) for pair in plan.pairs), default=0)
    budget = MemoryBudget(max(largest, held) + _SPARE)
    copies = {copy.path: copy for copy in plan.copies}

    def compare(place: int) -> Judged:
        pair, role = plan.pairs[place], plan.roles[place]
        with budget.taken(_memory(pair)):
            judged = _compared(pair, role)
            copy = copies.get(pair.path)
            if copy is not None and copy.equalled_before:
                judged = replace(judged, is_copy=True, drift=copy.drift)
            return judged

    found: dict[int, Judged] = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for place, judged in as_done(threads, compare, range(len(plan.pairs))):
            found[place] = judged
            done(judged)
        moved = {each.path for each in found.values() if each.moved and each.role is not Role.STATE}
        accused = {each.path for each in found.values() if _is_accused(each)} & moved
        if accused:
            named = transfers(plan.pairs, moved, accused, threads.map)
            for place, judged in found.items():
                if judged.path in named:
                    found[place] = replace(judged, cause=named[judged.path])
                    done(found[place])
    return [found[place] for place in range(len(plan.pairs))]


def as_done(
    threads: ThreadPoolExecutor, work: Callable[[int], T], places: Iterable[int]
) -> Iterator[tuple[int, T]]:
    """Yield each result as it is there; a failure ends the work that has not begun."""
    futures: dict[Future[T], int] = {threads.submit(work, place): place for place in places}
    left: set[Future[Any]] = set(futures)
    try:
        while left:
            finished, left = wait(left, return_when=FIRST_COMPLETED)
            for future in finished:
                yield futures[future], future.result()
    finally:
        for future in left:
            future.cancel()


def _is_accused(judged: Judged) -> bool:
    """Whether a leaf moved that had to stay, or has appeared or vanished."""
    there = judged.pair.before is not None and judged.pair.after is not None
    return judged.moved and (judged.role is Role.FROZEN or not there)


def _compared(pair: Pair, role: Role) -> Judged:
    if pair.form_change is not None:
        return Judged(pair, role, None)
    assert pair.before is not None
    assert pair.after is not None
    found = difference(pair.before, pair.after, complete=role is Role.FROZEN)
    cause = cause_of(pair.before, pair.after, found) if role is Role.FROZEN else None
    return Judged(pair, role, found, cause)


def _memory(pair: Pair) -> int:
    """The most that comparing a pair takes: what was read of one side stays while the other is."""
    leaves = [leaf for leaf in (pair.before, pair.after) if leaf is not None]
    read = max(leaf.memory for leaf in leaves)
    if all(map(is_bulky, leaves)):  # one is put aside while the other is read
        return _PIECES + read
    return _PIECES + read + sum(min(leaf.memory, leaf.nbytes) for leaf in leaves[1:])


def _size(pair: Pair) -> int:
    return max(leaf.nbytes for leaf in (pair.before, pair.after) if leaf is not None)
