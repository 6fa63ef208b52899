"""A report as Markdown, fit for the summary of a CI job."""

from __future__ import annotations

from .disagreement import disagreements
from .explanation import story
from .report import Report, Row
from .standing import standings

_SIGNS = {
    "held": "✅",
    "refuted": "❌",
    "vacuous": "⚠️",
    "error": "💥",
    "not-run": "➖",
    "proved": "✅",
}


def markdown(report: Report) -> str:
    """Return the table of all verdicts, then a section for each counterexample."""
    summary = report.summary
    lines = [
        "# frostproof",
        "",
        f"Ran {summary['ran']} of {summary['of']} laws.",
        f"Profile {report.profile}, seed {report.seed}.",
        "",
        "| subject | law | guarantee | verdict | examples | |",
        "|---|---|---|---|---:|---|",
        *map(_table_row, report.rows),
    ]
    lines += [
        "",
        *(f"- {cell(s)} {cell(each.sentence)}" for s, each in standings(report.rows).items()),
    ]
    if summary["not_run"]:
        lines += ["", "Not run:", ""]
        lines += [f"- {count} × {cell(reason)}" for reason, count in summary["not_run"].items()]
    if differing := disagreements(report):
        lines += ["", f"Its {len(report.parts)} parts disagree:", ""]
        for id, verdicts in differing.items():
            told = ", ".join(f"{verdict} on {where}" for verdict, where in verdicts)
            lines.append(f"- {cell(id)}: {cell(told)}")
    for row in report.rows:
        if row.counterexample:
            lines += _section(row)
    return "\n".join(lines) + "\n"


def _table_row(row: Row) -> str:
    verdict = f"{_SIGNS[row.verdict]} {row.verdict}" + ("" if row.promised else ", not promised")
    cells = (row.subject, f"`{row.law}`", row.guarantee, verdict, str(row.examples))
    return "| " + " | ".join((*map(cell, cells), cell(row.reason or ""))) + " |"


def _section(row: Row) -> list[str]:
    return [
        "",
        f"## {cell(row.subject)}: `{row.law}`",
        "",
        *(f"- **{keyword}** {cell(text)}" for keyword, text in story(row)),
        "",
        *_fenced(row.reproduce or ""),
    ]


def _fenced(code: str) -> list[str]:
    """Fence code with more backticks than it holds, since it quotes what a subject wrote."""
    fence = "```"
    while fence in code:
        fence += "`"
    return [f"{fence}python", code.rstrip(), fence]


def cell(text: str) -> str:
    """Escape what would end a table cell or start markup."""
    text = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("<", "&lt;")
