"""A report as one HTML page, which needs no network, and no script to be read."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ..properties.book import BY_ID
from .disagreement import disagreements
from .explanation import conclusion, problem_parts
from .kills import kill_matrices
from .matrix import place_of, rank_of_guarantees, verdict_matrix
from .plots import bound_plot, drawn_plots, drift_plot
from .report import FAILING, Report, Row
from .standing import standings

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..properties.law import Law

_TEMPLATES = Path(__file__).parent / "templates"
#: A plot costs 50 ms and 8 KB: the first of a report have theirs, all have their numbers.
_PLOTS = 30
#: From so many verdicts, or sections, on what is not on the screen is not laid out.
_LARGE, _MANY = 2000, 60
_WORDS = {
    "held": "held",
    "refuted": "refuted",
    "error": "in error",
    "vacuous": "vacuous",
    "not-run": "not run",
    "proved": "proved",
}


@dataclass(frozen=True)
class Found:
    """A verdict that is not good, as the template `counterexample.html` shows it."""

    row: Row
    place: str
    statement: str
    meaning: str
    problems: Sequence[Sequence[tuple[str, str]]]
    runs: Sequence[Mapping[str, Any]]
    facts: Sequence[tuple[str, str]]
    plots: Sequence[Markup]
    replay: str


def page(report: Report, kills: Mapping[str, Any] | None = None) -> str:
    """Return the page of a report, with a kill matrix if there is one; all that a subject wrote is
    escaped.
    """
    order = rank_of_guarantees()
    bad = sorted(
        (row for row in report.rows if row.verdict in FAILING),
        key=lambda row: (not row.promised, order.get(row.guarantee, len(order))),
    )
    places = {row.id: f"#{place_of(row.id)}" for row in bad}
    found = [_found(row, plotted=number < _PLOTS) for number, row in enumerate(bad)]
    script = _text("script.js")
    ended = conclusion(report)
    return _environment().get_template("report.html").render(
        report=report,
        summary=report.summary,
        not_run=sorted(report.summary["not_run"].items(), key=lambda each: -each[1]),
        large=len(report.rows) > _LARGE or len(found) > _MANY,
        headline=ended[0].upper() + ended[1:],
        mood="bad" if report.exit_status else "good",
        counts=list(_counts(report)),
        table=verdict_matrix(report.rows, places),
        broken=[each for each in found if each.row.promised],
        beyond=[each for each in found if not each.row.promised],
        subjects=_subjects(report),
        places=places,
        drawn=drawn_plots(report.rows),
        disagreements=disagreements(report),
        kills=kills,
        kill_matrices=list(kill_matrices(kills)) if kills else [],
        laws=_laws(report, kills),
        style=Markup(_text("style.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _with_code
    return environment


def _with_code(text: str) -> Markup:
    """Escape a text, in which words between backticks are code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


@cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _laws(report: Report, kills: Mapping[str, Any] | None) -> list[Law]:
    """Return the laws that the page names, as far as the book has them."""
    named = {row.law for row in report.rows}
    for laws in kills["matrix"].values() if kills else ():
        named |= laws.keys()
    return [BY_ID[law] for law in sorted(named) if law in BY_ID]


def _counts(report: Report) -> Iterator[dict[str, Any]]:
    seen = Counter((row.verdict, row.promised or row.verdict not in FAILING) for row in report.rows)
    for (verdict, promised), words in _ALL.items():
        if count := seen[verdict, promised]:
            yield {"kind": _kind(verdict, promised), "count": count, "words": words}


_ALL = {
    (verdict, promised): words if promised else f"{words}, beyond the promise"
    for promised in (True, False)
    for verdict, words in _WORDS.items()
    if promised or verdict in FAILING
}


def _kind(verdict: str, promised: bool) -> str:
    return verdict if promised else f"{verdict} beyond"


def _subjects(report: Report) -> list[dict[str, Any]]:
    """Return what is said of each subject; those of which nothing is known stand by themselves."""
    known = standings(report.rows)
    by_subject: dict[str, list[Row]] = {}
    for row in report.rows:
        by_subject.setdefault(row.subject, []).append(row)
    return [
        {
            "name": name,
            "place": place_of(name),
            "standing": known[name].sentence if name in known else "",
            "rows": rows,
            "held": [row.law for row in rows if row.verdict == "held"],
        }
        for name, rows in by_subject.items()
    ]


def _found(row: Row, *, plotted: bool) -> Found:
    law = BY_ID.get(row.law)
    example = row.counterexample or {}
    runs = [
        {"leaves": list(_leaves(run, example)), "answer": list(_answer(run))}
        for run in example.get("course", [])
    ]
    told = any(run["leaves"] or run["answer"] for run in runs)
    return Found(
        row,
        place_of(row.id),
        example.get("law") or (law.statement if law else ""),
        law.meaning if law else "",
        [problem_parts(problem) for problem in example.get("problems", [])],
        runs,
        []
        if told
        else [(name, _number(value)) for name, value in example.get("facts", {}).items()],
        list(_plots(row, example)) if plotted else [],
        _replay(row) if example else "",
    )


def _leaves(run: Mapping[str, Any], example: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    facts = example.get("facts", {})
    for step in run.get("steps", []):
        for leaf in step["leaves"]:
            yield {
                "step": step["step"],
                "leaf": leaf["leaf"],
                "frozen": leaf["frozen"],
                "changed": leaf["changed"],
                "of": leaf["of"],
                "before": _number(leaf.get("before")),
                "after": _number(leaf.get("after")),
                "what": leaf.get("what"),
                "distance": _distance(leaf),
                "accused": (leaf["leaf"], step["step"]) == (facts.get("leaf"), facts.get("step")),
            }


def _distance(leaf: Mapping[str, Any]) -> str:
    ulps = leaf.get("ulps")
    if ulps is None:
        return ""
    if ulps == 0:
        return "other bits"  # −0 and +0, or NaNs of two payloads
    return f"{ulps:,} ulp{'s' * (ulps != 1)}"


def _answer(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for each in run.get("answer", []):
        expected, bound = _float(each.get("expected")), _float(each.get("bound"))
        yield {
            "name": each["name"],
            "reported": _number(each["reported"]),
            "expected": _number(each.get("expected")),
            "bound": "" if math.isnan(bound) else f"{bound:.2g}",
            "outside": abs(_float(each["reported"]) - expected) > bound,
        }


def _plots(row: Row, example: Mapping[str, Any]) -> Iterator[Markup]:
    facts = example.get("facts", {})
    numbers = [_float(facts.get(name)) for name in ("observed", "expected", "bound")]
    for plot in (
        drift_plot(example.get("drift", {})),
        bound_plot(str(facts.get("leaf", "it")), *numbers),
    ):
        if plot is not None:
            yield plot


def _number(value: Any) -> str:
    """Show a recorded number with the digits that tell it from its neighbours in float32."""
    if value is None:
        return "–"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _float(value: Any) -> float:
    """Return a recorded number; what is none, such as an interval, is NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _replay(row: Row) -> str:
    return (
        f"frostproof replay report.json {shlex.quote(row.id)} --target {shlex.quote(row.subject)}"
    )
