"""A report: the rows of a run, what ran of what there was, on which versions, and how it ended."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from .guarantees import Asked, Standing, standings
from .row import Row

SCHEMA = 1
#: Why a law is no row of a shard.
ELSEWHERE = "in other shards"
_VERSIONED = ("frostproof", "jax", "jaxlib", "flax", "optax", "hypothesis", "numpy", "pytest")


@dataclass(frozen=True)
class Part:
    """What a merged report knows of one of its parts: what it ran on, and its verdicts by id."""

    profile: str
    seed: int
    versions: dict[str, str]
    left_out: int
    verdicts: dict[str, str]
    #: `I/N` where it is a shard, and how many laws the other shards judge.
    shard: str | None = None
    elsewhere: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what a report holds of it, the same for equal parts."""
        return {
            "profile": self.profile,
            "seed": self.seed,
            "versions": dict(sorted(self.versions.items())),
            "left_out": self.left_out,
            "verdicts": dict(sorted(self.verdicts.items())),
            **({"shard": self.shard, "elsewhere": self.elsewhere} if self.shard else {}),
        }


@dataclass
class Report:
    """All rows of a run. `left_out` counts laws that never became a row, by reason."""

    profile: str
    seed: int
    rows: list[Row] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    #: When it began, in UTC.
    started: str | None = None
    #: Not where some laws have no verdict because the run ended before.
    finished: bool = True
    #: Why the files that were asked for are not all there, if they are not.
    unwritten: str | None = None
    #: `I/N` where other runs judge the rest of the laws.
    shard: str | None = None
    #: Of a report that `frostproof merge` made.
    parts: list[Part] = field(default_factory=list)
    #: What was asked about each subject, beyond the rows.
    asked: dict[str, Asked] = field(default_factory=dict)
    #: Whether a guarantee that was asked for by name may be left not shown.
    allow_not_shown: bool = False

    @property
    def exit_status(self) -> int:
        """0: everything promised held; 1: something promised failed, or was asked for by name and
        is not shown; 2: nothing promised ran, or the run ended before all was judged, or its report
        could not be written. One shard may have nothing promised to run.
        """
        if any(row.fails for row in self.rows):
            return 1
        if self.missed and self.finished and not self.shard and not self.allow_not_shown:
            return 1
        ran = self.judged or self.shard is not None
        return 0 if ran and self.finished and self.unwritten is None else 2

    @property
    def standings(self) -> dict[str, Standing]:
        """What each subject keeps, breaks and does not show."""
        return standings(self.rows, self.asked)

    @property
    def missed(self) -> dict[str, dict[str, str]]:
        """What was asked for by name and is not shown, with the reason, by subject."""
        return {
            name: {g: each.not_shown[g] for g in each.missed if g in asked}
            for name, each in self.standings.items()
            if (asked := self.asked.get(name, Asked()).by_name) and {*asked} & {*each.missed}
        }

    @property
    def judged(self) -> bool:
        """Whether anything promised could run."""
        return any(row.promised and row.verdict != "not-run" for row in self.rows)

    @property
    def summary(self) -> dict[str, Any]:
        """How many laws ran, of how many that apply, and why the others did not."""
        not_run = Counter(row.reason or "" for row in self.rows if row.verdict == "not-run")
        not_run += self.left_out
        of = len(self.rows) + self.left_out.total()
        return {"ran": of - not_run.total(), "of": of, "not_run": dict(not_run)}

    def to_json(self) -> str:
        """Write the whole report as JSON, a row in a line."""
        rows = ",\n".join(as_json(vars(row)) for row in self.rows)
        other = {
            "summary": self.summary,
            "guarantees": {s: each.to_json() for s, each in self.standings.items()},
            "versions": self.versions,
            "profile": self.profile,
            "seed": self.seed,
            **({"started": self.started} if self.started else {}),
            "finished": self.finished,
            **({"shard": self.shard} if self.shard else {}),
            **(
                {"asked": {name: each.to_json() for name, each in self.asked.items()}}
                if self.asked
                else {}
            ),
            **({"parts": [part.to_json() for part in self.parts]} if self.parts else {}),
        }
        ends = json.dumps(other, indent=1, allow_nan=False).removeprefix("{\n")
        return f'{{\n "schema": {SCHEMA},\n "verdicts": [\n{rows}\n ],\n{ends}\n'


def as_json(value: Any) -> str:
    """Write what a report holds in one line; raises `ValueError` for NaN, which JSON has not."""
    return json.dumps(value, allow_nan=False)


def versions() -> dict[str, str]:
    """Return the versions of what the verdicts depend on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: version(name) for name in _VERSIONED}
