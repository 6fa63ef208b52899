"""A report: the rows of a run, how many laws ran, on which versions, and how the run ended."""

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
#: Why a law is not a row of a shard.
ELSEWHERE = "in other shards"
_VERSIONED = ("frostproof", "jax", "jaxlib", "flax", "optax", "hypothesis", "numpy", "pytest")


@dataclass(frozen=True)
class Part:
    """One part of a merged report: its profile, seed and versions, and its verdicts by id."""

    profile: str
    seed: int
    versions: dict[str, str]
    left_out: int
    verdicts: dict[str, str]
    #: `I/N` where it is a shard, and how many laws the other shards judge.
    shard: str | None = None
    elsewhere: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the fields that a report has for the part, the same for equal parts."""
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
    """The rows of a run, and how it went.

    Programs read `rows`, `exit_status` and `summary`, or the file that `to_json` writes.
    """

    profile: str
    seed: int
    rows: list[Row] = field(default_factory=list)
    #: The number of laws that never became a row, by reason.
    left_out: Counter[str] = field(default_factory=Counter)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    #: When the run began, in UTC, such as 2030-01-31T01:17:00Z.
    started: str | None = None
    #: Whether every planned law has its verdict.
    finished: bool = True
    #: Why files of the report are missing, if any are.
    unwritten: str | None = None
    #: `I/N` where other runs judge the rest of the laws.
    shard: str | None = None
    #: The parts that `frostproof merge` made the report of; else none.
    parts: list[Part] = field(default_factory=list)
    #: What was asked about each subject, beyond the rows.
    asked: dict[str, Asked] = field(default_factory=dict)
    #: The number of subjects that a test names and that cannot be judged, by reason.
    unusable: Counter[str] = field(default_factory=Counter)
    #: Whether a guarantee that was asked for by name may be left not shown.
    allow_not_shown: bool = False

    @property
    def exit_status(self) -> int:
        """0: everything promised held; 1: something promised failed, or was asked for by name and
        is not shown; 2: nothing promised ran, or a subject cannot be judged, or the run ended
        before all laws were judged, or its report could not be written. A shard may have nothing
        promised to run.
        """
        if any(row.fails for row in self.rows):
            return 1
        if self.missed and self.finished and not self.shard and not self.allow_not_shown:
            return 1
        ran = self.judged or self.shard is not None
        complete = self.finished and self.unwritten is None and not self.unusable
        return 0 if ran and complete else 2

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
        """How many laws ran, how many apply, and why the others did not run."""
        not_run = Counter(row.reason or "" for row in self.rows if row.verdict == "not-run")
        not_run += self.left_out
        of = len(self.rows) + self.left_out.total()
        return {"ran": of - not_run.total(), "of": of, "not_run": dict(not_run)}

    def to_json(self) -> str:
        """Return the whole report as JSON, one row per line."""
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
            **({"unusable": dict(sorted(self.unusable.items()))} if self.unusable else {}),
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
    """Return a value as JSON in one line; raises `ValueError` for NaN, which JSON cannot write."""
    return json.dumps(value, allow_nan=False)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that verdicts depend on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: version(name) for name in _VERSIONED}
