"""A verdict in words, the same on the terminal, in Markdown and in a failed test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .report import Row

#: What a problem is unless it says otherwise: not worth a word.
_USUAL = (None, "", False, "once", "initialised", "ordinary", [1])


def story(row: Row) -> list[tuple[str, str]]:
    """Return what a person needs to fix the code, as pairs of a keyword and a line."""
    if row.counterexample is None:
        return [("seen", row.reason or "")]
    problems = [("for", problem_text(each)) for each in row.counterexample["problems"]]
    return [("law", row.counterexample["law"]), ("seen", row.reason or ""), *problems]


def problem_text(problem: Mapping[str, Any]) -> str:
    """Show a recorded problem: `seed=0, optimizer=adamw(learning_rate=0.1), steps=2`."""
    return ", ".join(
        f"{name}={_SHOWN.get(name, repr)(value)}"
        for name, value in problem.items()
        if not any(value is usual or value == usual for usual in _USUAL if usual is not False)
        and value is not False
    )


def _optimizer(record: Mapping[str, Any]) -> str:
    settings = [f"{key}={value!r}" for key, value in record["hyperparameters"].items()]
    inner = [_optimizer(record["inner"])] if record["inner"] else []
    return f"{record['name']}({', '.join(inner + settings)})"


def _architecture(record: Mapping[str, Any]) -> str:
    layers = record["layers"]
    return " → ".join(f"{each['name']}({each.get('width', each['kind'])})" for each in layers)


_SHOWN = {"optimizer": _optimizer, "architecture": _architecture}
