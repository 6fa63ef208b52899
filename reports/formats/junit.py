"""A report as JUnit XML, which CI systems read: one case per law and subject."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from xml.etree import ElementTree as Xml

from ..results.report import Report
from ..results.row import Row
from .registry import register
from .wording import explain

#: Characters that XML 1.0 cannot hold; a subject may have raised them all the same.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return one suite per subject; law and subject are properties of each case.

    A law that is refuted beyond the promise is skipped, with the reason: it fails nothing. What
    cannot be judged is a suite by itself, with an error per reason.
    """
    root = Xml.Element("testsuites", {"name": "frostproof"} | _counts(report.rows, report.unusable))
    by_subject: dict[str, list[Row]] = {}
    for row in report.rows:
        by_subject.setdefault(row.subject, []).append(row)
    if report.unusable:
        _unusable(root, report)
    common = {"profile": report.profile, "seed": str(report.seed)} | report.versions
    for subject, rows in by_subject.items():
        suite = Xml.SubElement(root, "testsuite", {"name": _text(subject)} | _counts(rows))
        if report.started:
            suite.set("timestamp", report.started.removesuffix("Z"))
        _properties(suite, common)
        for row in rows:
            _case(suite, row)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _unusable(root: Xml.Element, report: Report) -> None:
    counts = _counts([], report.unusable)
    suite = Xml.SubElement(root, "testsuite", {"name": "cannot be judged"} | counts)
    for reason in report.unusable:
        case = Xml.SubElement(suite, "testcase", classname="cannot be judged", name=_text(reason))
        Xml.SubElement(case, "error", message=_text(reason), type="unusable")


def _counts(rows: Sequence[Row], unusable: Collection[str] = ()) -> dict[str, str]:
    outcomes = Counter(_outcome(row) for row in rows)
    counts = {"failures": outcomes["failure"], "errors": outcomes["error"] + len(unusable)}
    counts |= {"tests": len(rows) + len(unusable), "skipped": outcomes["skipped"]}
    return {name: str(count) for name, count in counts.items()} | {
        "time": f"{sum(row.seconds for row in rows):.3f}"
    }


def _outcome(row: Row) -> str | None:
    """Return the element that says how a case ended; None where it passed."""
    if row.fails:
        return "error" if row.verdict == "error" else "failure"
    return None if row.verdict in ("held", "proved") else "skipped"


def _case(suite: Xml.Element, row: Row) -> None:
    outcome = _outcome(row)
    case = Xml.SubElement(
        suite, "testcase", classname=_text(row.subject), name=row.law, time=f"{row.seconds:.3f}"
    )
    _properties(
        case,
        {
            "law": row.law,
            "subject": row.subject,
            "guarantee": row.guarantee,
            "promised": str(row.promised).lower(),
            "verdict": row.verdict,
            "examples": str(row.examples),
            # The assumptions of a proof. A reason not to pass is in the message of the outcome.
            **({"reason": row.reason} if row.reason and outcome is None else {}),
        },
    )
    if outcome is not None:
        ended = Xml.SubElement(case, outcome, message=_text(f"{row.words}: {row.reason or ''}"))
        if outcome != "skipped":
            ended.set("type", row.verdict)
            ended.text = _text(explain(row))


def _properties(element: Xml.Element, values: Mapping[str, str]) -> None:
    properties = Xml.SubElement(element, "properties")
    for name, value in values.items():
        Xml.SubElement(properties, "property", name=name, value=_text(value))


def _text(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)


register("junit.xml", lambda report, folder: junit(report))
