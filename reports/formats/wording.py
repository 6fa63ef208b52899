"""A verdict in words, the same on the terminal, in every report and in a failed test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...properties.laws.book import BY_ID
from ..results.report import Report
from ..results.row import Row

#: What a problem is unless it says otherwise: not worth a word.
_USUAL = (None, "", False, "once", "initialised", "ordinary", [1])


def conclusion(report: Report) -> str:
    """Say in a line how a run ended."""
    failing = sum(row.fails for row in report.rows)
    if failing:
        return f"{failing:,} promised verdict{'s' * (failing != 1)} failed"
    if not report.finished:
        return "the run ended before all was judged"
    if not report.judged:
        return "nothing promised could run"
    return "everything promised held"


def story(row: Row) -> list[tuple[str, str]]:
    """Return what a person needs to fix the code, as pairs of a keyword and a line."""
    if row.counterexample is None:
        return [("seen", row.reason or "")]
    problems = [("for", problem_text(each)) for each in row.counterexample["problems"]]
    cause = row.counterexample.get("cause")
    because = [("because", cause)] if cause else []
    usually = [("usually", BY_ID[row.law].meaning)] if row.law in BY_ID else []
    seen = ("seen", row.reason or "")
    return [("law", row.counterexample["law"]), seen, *because, *usually, *problems]


def explain(row: Row) -> str:
    """Say in words what a person needs to fix the code, the script last."""
    examples = f"{row.examples} example{'s' * (row.examples != 1)}"
    lines = [f"{row.subject}: {row.law} {row.verdict} after {examples}", ""]
    lines += [f"{keyword:7} {text}" for keyword, text in story(row)]
    if row.reproduce:
        lines += ["", "# a stand-alone script that fails:", row.reproduce]
    return "\n".join(lines)


def problem_text(problem: Mapping[str, Any]) -> str:
    """Show a recorded problem: `seed=0, optimizer=adamw(learning_rate=0.1), steps=2`."""
    return ", ".join(f"{name}={value}" for name, value in problem_parts(problem))


def problem_parts(problem: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a recorded problem consists of, without what is as usual."""
    return [
        (name, _SHOWN.get(name, repr)(value))
        for name, value in problem.items()
        if not any(value is usual or value == usual for usual in _USUAL if usual is not False)
        and value is not False
    ]


def _optimizer(record: Mapping[str, Any]) -> str:
    settings = [f"{key}={value!r}" for key, value in record["hyperparameters"].items()]
    inner = [_optimizer(record["inner"])] if record["inner"] else []
    arguments = ", ".join(inner + settings)
    return f"{record['name']}({arguments})" if arguments else str(record["name"])


def _architecture(record: Mapping[str, Any]) -> str:
    layers = record["layers"]
    return " → ".join(f"{each['name']}({each.get('width', each['kind'])})" for each in layers)


_SHOWN = {"optimizer": _optimizer, "architecture": _architecture}
