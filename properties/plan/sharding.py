"""Shards: a run in N parts that know nothing of each other, and together leave nothing out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .checks import Check


@dataclass(frozen=True)
class Shard:
    """The part `index` of `of`, counted from 1."""

    index: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `I/N`; raises a `ValueError` that says what it must be."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"--shard must be I/N with I from 1 to N, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def split(
        self, checks: Sequence[Check], seconds: Mapping[str, float]
    ) -> tuple[list[Check], list[Check]]:
        """Return the checks of this shard, and those of the others.

        Each check has its shard by a hash of its id, whatever else is judged; one that took
        `seconds` in an earlier run by these: all shards have to be told the same seconds.
        """
        balanced = _balanced(seconds, self.of)
        ours: list[Check] = []
        others: list[Check] = []
        for check in checks:
            shard = balanced.get(check.id) or _hashed(check.id, self.of)
            (ours if shard == self.index else others).append(check)
        return ours, others


def missing(shards: Iterable[Shard]) -> list[Shard]:
    """Return the shards that it takes to complete these, which are all of one N."""
    there = set(shards)
    every = {Shard(index, each.of) for each in there for index in range(1, each.of + 1)}
    return sorted(every - there, key=lambda shard: shard.index)


def _hashed(id: str, shards: int) -> int:
    """Return a shard from 1 on: the same in every process, on every machine and Python."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big") % shards + 1


def _balanced(seconds: Mapping[str, float], shards: int) -> dict[str, int]:
    """Give the longest first to the shard that has least to do."""
    load = dict.fromkeys(range(1, shards + 1), 0.0)
    chosen = {}
    for row in sorted(seconds, key=lambda row: (-seconds[row], row)):
        chosen[row] = min(load, key=lambda shard: (load[shard], shard))
        load[chosen[row]] += seconds[row]
    return chosen
