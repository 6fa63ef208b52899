"""A report as Markdown, fit for the summary of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..results.report import Report
from ..results.row import FAILING, Row
from .disagreement import disagreements
from .reasons import in_short, reasons_not_run, told_reasons
from .registry import register
from .wording import conclusion, story

_SIGNS = {
    "held": "✅",
    "refuted": "❌",
    "vacuous": "⚠️",
    "error": "💥",
    "not-run": "➖",
    "proved": "✅",
}
#: GitHub shows summaries of at most 1 MiB: parts that are left out are counted.
_MOST_BYTES = 900_000
_MOST_ROWS = 1000
_HEAD = ["| subject | law | guarantee | verdict | examples | |", "|---|---|---|---|---:|---|"]


def markdown(report: Report) -> str:
    """Return how much ran, which laws did not hold, and a section for each counterexample."""
    failing = [row for row in report.rows if row.fails]
    others = [row for row in report.rows if row.verdict in FAILING and not row.fails]
    told = told_reasons(report)
    parts = ["\n".join(_summary(report))]
    if failing:
        parts.append("\n".join(["## What did not hold", "", *_table(failing, told)]))
    if others:
        parts.append("\n".join(["## Beyond the promise, or known", "", *_table(others, told)]))
    seen = set[tuple[str, str | None]]()
    for row in (*failing, *others):
        if row.counterexample:
            parts.append("\n".join(_section(row, again=(row.subject, row.reason) in seen)))
            seen.add((row.subject, row.reason))
    if not_run := reasons_not_run(report):
        parts.append("\n".join(["## Not run", "", *_reasons(not_run)]))
    parts.append("\n".join(_folded("All verdicts", _table(report.rows, told))))
    return "\n\n".join(_that_fit(parts)) + "\n"


def _summary(report: Report) -> Iterator[str]:
    summary = report.summary
    yield f"# frostproof: {conclusion(report)}"
    yield ""
    yield f"Ran {summary['ran']} of {summary['of']} laws."
    yield from (f"Cannot be judged: {cell(reason)}." for reason in report.unusable)
    yield f"Profile {report.profile}, seed {report.seed}."
    yield ", ".join(f"{cell(name)} {cell(text)}" for name, text in report.versions.items()) + "."
    yield ""
    known = list(report.standings.items())
    for subject, standing in known[:_MOST_ROWS]:
        yield f"- {cell(subject)} {cell(standing.sentence)}"
    if differing := disagreements(report):
        yield from ("", f"The {len(report.parts)} parts of this report disagree:", "")
        for id, verdicts in list(differing.items())[:_MOST_ROWS]:
            told = ", ".join(f"{verdict} on {where}" for verdict, where in verdicts)
            yield f"- {cell(id)}: {cell(told)}"


def _reasons(not_run: Sequence[tuple[str, int]]) -> list[str]:
    return [f"- {count} × {cell(reason)}" for reason, count in not_run[:_MOST_ROWS]]


def _table(rows: Sequence[Row], told: Mapping[str, str]) -> list[str]:
    table = [*_HEAD, *(_table_row(row, told[row.id]) for row in rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        table += ["", f"…and {len(rows) - _MOST_ROWS} more: see report.html."]
    return table


def _table_row(row: Row, reason: str) -> str:
    verdict = f"{_SIGNS[row.verdict]} {row.words}"
    cells = (row.subject, row.law, row.guarantee, verdict, str(row.examples), reason)
    return "| " + " | ".join(map(cell, cells)) + " |"


def _section(row: Row, *, again: bool) -> list[str]:
    """Return what is told of a counterexample; what was seen in short where it is told `again`."""
    told = [
        (word, in_short(text) if again and word == "seen" else text) for word, text in story(row)
    ]
    return [
        f"## {cell(row.subject)}: {cell(row.law)}{f', {row.excuse}' if row.excuse else ''}",
        "",
        *(f"- **{keyword}** {cell(text)}" for keyword, text in told),
        "",
        *(
            _folded("A stand-alone script that fails", _fenced(row.reproduce))
            if row.reproduce
            else ()
        ),
    ]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


def _that_fit(parts: Sequence[str]) -> list[str]:
    """Return the parts that fit, in their order, and a line that counts the others."""
    fitting, size = [], 0
    for part in parts:
        size += len(part.encode(errors="replace")) + 2
        if size <= _MOST_BYTES:
            fitting.append(part)
    if left := len(parts) - len(fitting):
        fitting.append(f"{left} more parts do not fit here: see report.html.")
    return fitting


def _fenced(code: str) -> list[str]:
    """Fence code with more backticks than it holds, since it quotes texts of a subject."""
    fence = "```"
    while fence in code:
        fence += "`"
    return [f"{fence}python", code.rstrip(), fence]


def cell(text: str) -> str:
    """Return a text with everything escaped that would end a table cell or start markup.

    What stands between backticks becomes an element: in a code span of Markdown, backslashes and
    entities would be shown as they are.
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\*_\[\]|~$])", r"\\\1", text)
    return re.sub(
        r"`([^`]+)`|`", lambda found: f"<code>{found[1]}</code>" if found[1] else r"\`", text
    )


register("report.md", lambda report, folder: markdown(report))
