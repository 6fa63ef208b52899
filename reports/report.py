"""A report: the rows of a run, what ran of what there was, on which versions, and how it ended."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..properties.agenda import Item
from ..properties.verdict import Verdict

SCHEMA = 1
FAILING = ("refuted", "vacuous", "error")
_VERSIONED = ("frostproof", "jax", "jaxlib", "flax", "optax", "hypothesis", "numpy", "pytest")


@dataclass(frozen=True)
class Row:
    """One verdict as it is written: design section 5 fixes these names."""

    id: str
    subject: str
    law: str
    guarantee: str
    promised: bool
    verdict: str
    examples: int
    reason: str | None = None
    counterexample: dict[str, Any] | None = None
    reproduce: str | None = None
    labels: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def of(cls, item: Item, verdict: Verdict) -> Row:
        """Join an item of the agenda with its verdict."""
        fields = asdict(verdict)
        return cls(
            item.id,
            item.subject.name,
            item.law.id,
            item.law.guarantee,
            item.promised,
            fields.pop("outcome"),
            **_plain(fields),
        )

    @property
    def fails(self) -> bool:
        """Whether this verdict breaks what was promised."""
        return self.promised and self.verdict in FAILING


@dataclass
class Report:
    """All rows of a run. `left_out` counts laws that never became a row, by reason."""

    profile: str
    seed: int
    rows: list[Row] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    versions: dict[str, str] = field(default_factory=lambda: versions())

    @property
    def exit_status(self) -> int:
        """0: everything promised held; 1: something promised failed; 2: nothing promised ran."""
        if any(row.fails for row in self.rows):
            return 1
        ran = any(row.promised and row.verdict != "not-run" for row in self.rows)
        return 0 if ran else 2

    @property
    def summary(self) -> dict[str, Any]:
        """How many laws ran, of how many that apply, and why the others did not."""
        not_run = Counter(row.reason or "" for row in self.rows if row.verdict == "not-run")
        not_run += self.left_out
        of = len(self.rows) + self.left_out.total()
        return {"ran": of - not_run.total(), "of": of, "not_run": dict(not_run)}

    def to_json(self) -> str:
        """Write the whole report as JSON."""
        from .standing import standings

        content = {
            "schema": SCHEMA,
            "verdicts": [asdict(row) for row in self.rows],
            "summary": self.summary,
            "guarantees": {s: each.to_json() for s, each in standings(self.rows).items()},
            "versions": self.versions,
            "profile": self.profile,
            "seed": self.seed,
        }
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    def write(self, folder: Path) -> None:
        """Leave report.json and report.md in a folder, which is made if it is not there."""
        from .markdown import markdown

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(self.to_json(), encoding="utf-8")
        (folder / "report.md").write_text(markdown(self), encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions of what the verdicts depend on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: version(name) for name in _VERSIONED}


def _plain(value: Any) -> Any:
    """Replace what JSON has no word for: NaN and infinities become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
