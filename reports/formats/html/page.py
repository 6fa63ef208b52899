"""A report as one HTML page, which needs no network, and no script to be read."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ....properties.laws.book import BY_ID
from ...results.report import Report
from ...results.report_file import REPORT
from ...results.row import FAILING, Row
from ..disagreement import disagreements
from ..faults import by_cause, telling
from ..reasons import reasons_not_run, told_reasons
from ..wording import conclusion
from .counterexamples import show_verdict
from .environment import environment
from .kills import kill_matrices
from .matrix import kind_of, place_of, rank_of_guarantees, verdict_matrix
from .plots import plot_draws

if TYPE_CHECKING:
    from jinja2 import Environment

    from ....properties.laws.law import Law

_TEMPLATES = Path(__file__).parent / "templates"
#: A plot costs 50 ms and 8 KB: the first counterexamples have plots, all have numbers.
_PLOTS = 30
#: From so many verdicts, or sections, on a browser lays out only what is on the screen.
_LARGE, _MANY = 2000, 60


def page(report: Report, kills: Mapping[str, Any] | None = None, file: str = REPORT) -> str:
    """Return a report as a page, in which all texts of a subject are escaped.

    Args:
        report: the report.
        kills: a kill matrix to show with it, as `read_kills` returns one.
        file: the name of the report as data, from the folder in which the run was started.
    """
    groups = _faults(report)
    firsts = {row.id: first for first, *others in groups for row in others}
    bad = [row for group in groups for row in group]
    places = {row.id: f"#{place_of(row.id)}" for row in bad}
    found = [
        show_verdict(row, file, plotted=number < _PLOTS, same_as=firsts.get(row.id))
        for number, row in enumerate(bad)
    ]
    script = _text("script.js")
    ended = conclusion(report)
    return _environment().get_template("report.html").render(
        report=report,
        file=shlex.quote(file),
        summary=report.summary,
        not_run=reasons_not_run(report),
        reasons=told_reasons(report),
        large=len(report.rows) > _LARGE or len(found) > _MANY,
        headline=ended[0].upper() + ended[1:],
        mood="bad" if report.exit_status else "good",
        counts=_counts(report),
        table=verdict_matrix(report.rows, places),
        broken=[each for each in found if each.row.fails],
        known=[each for each in found if each.row.promised and not each.row.fails],
        beyond=[each for each in found if not each.row.promised],
        subjects=_subjects(report),
        places=places,
        drawn=plot_draws(report.rows),
        disagreements=disagreements(report),
        kills=kills,
        kill_matrices=list(kill_matrices(kills)) if kills else [],
        laws=_laws(report, kills),
        style=Markup(_text("style.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


def _faults(report: Report) -> list[list[Row]]:
    """Return the failing rows, those of one fault together, as the page shows them: a row by which
    a fault is told comes before those that lead to it, and what fails before what does not.
    """
    order = rank_of_guarantees()
    failing = [row for row in report.rows if row.verdict in FAILING]
    # A page shows broken promises, known failures and what is beyond the promise, in this order.
    groups = [
        sorted(group, key=lambda row: (not row.fails, not row.promised))
        for group in by_cause(failing)
    ]

    def key(group: list[Row]) -> tuple[bool, bool, bool, int]:
        first = group[0]
        return not first.fails, *telling(first), order.get(first.guarantee, len(order))

    return sorted(groups, key=key)


@cache
def _environment() -> Environment:
    own = environment(_TEMPLATES)
    own.filters["kind"] = kind_of
    return own


@cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _laws(report: Report, kills: Mapping[str, Any] | None) -> list[Law]:
    """Return the laws that the page names and the book has."""
    named = {row.law for row in report.rows}
    for laws in kills["matrix"].values() if kills else ():
        named |= laws.keys()
    return [BY_ID[law] for law in sorted(named) if law in BY_ID]


def _counts(report: Report) -> list[dict[str, Any]]:
    """Count the verdicts: good ones first, those that fail nothing last."""
    seen = Counter((row.words, kind_of(row)) for row in report.rows)
    order = ("held", "proved", "refuted", "error", "vacuous", "not-run")
    ranked = sorted(seen, key=lambda each: (", " in each[0], order.index(each[1].split()[0])))
    return [
        {"kind": kind, "count": seen[words, kind], "words": words.replace("-", " ")}
        for words, kind in ranked
    ]


def _subjects(report: Report) -> list[dict[str, Any]]:
    """Return name, guarantees and rows of each subject."""
    known = report.standings
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
