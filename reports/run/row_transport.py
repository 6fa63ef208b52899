"""Carries rows through pytest: they are attached to the reports of tests, which xdist carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ..results.row import Row


def attach(report: pytest.TestReport, row: Row, plan: Mapping[str, Any]) -> None:
    """Attach its row to the report of a test, with the plan of its process.

    Before the test runs, the row says that the verdict is missing. That row stands if the process
    is lost.
    """
    if report.when == "setup" and report.skipped:
        row = replace(row, verdict="not-run", reason="the test of this law was skipped")
    report.frostproof_row = json.dumps(vars(row))  # type: ignore[attr-defined]
    if plan:
        report.frostproof_plan = json.dumps(plan)  # type: ignore[attr-defined]


_PHASES = ("setup", "call", "teardown")


class Arrivals:
    """Receives the rows and plans that reports of tests bring to the controlling process."""

    def __init__(self) -> None:
        self._begun: dict[str, Row] = {}

    def plan(self, report: pytest.TestReport) -> dict[str, Any] | None:
        """Return the plan of the test's process, if this report brings it."""
        return _brought(report, "frostproof_plan")

    def row(self, report: pytest.TestReport) -> Row | None:
        """Return the row that this report settles: a verdict, or that the process died."""
        fields = _brought(report, "frostproof_row")
        if fields is None:
            # A report of xdist's own, of no phase: the worker that ran this test crashed.
            return self._begun.pop(report.nodeid, None) if report.when not in _PHASES else None
        row = Row(**fields)
        if report.when == "setup" and report.passed:
            self._begun[report.nodeid] = row
            return None
        self._begun.pop(report.nodeid, None)
        return row


def _brought(report: pytest.TestReport, name: str) -> Any:
    text = getattr(report, name, None)
    return None if text is None else json.loads(text)
