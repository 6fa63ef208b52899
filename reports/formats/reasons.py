"""Reasons of verdicts in short, where all of them is told elsewhere in the same report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ...properties.laws.law import REPORTING
from ..results.report import Report
from ..results.row import FAILING, Row

#: So many characters of a text that is told whole elsewhere are enough to know it again.
_SHORT = 120
#: How a reason begins that says what the subject could give, and what explains it.
_NEEDS = "needs "
_ASIDE = re.compile(r" \([^()]*\)")
_PLACE = re.compile(r" \([^()]+, line \d+\)$")


def in_short(text: str) -> str:
    """Return the beginning of a text that is told whole elsewhere, and the line of the program that
    it ends with.
    """
    first, *_ = text.split("\n", 1)
    if len(first) <= _SHORT:
        return first
    found = _PLACE.search(first)
    cut = first[:_SHORT].rpartition(" ")[0] or first[:_SHORT]
    return f"{cut} …{found.group() if found else ''}"


def beginning(text: str) -> str:
    """Return what stands before the first colon; the whole of a text that would end within an
    answer it quotes, such as ``{'loss': 0.5}``.
    """
    head = text.partition(": ")[0]
    cut = any(head.count(one) != head.count(other) for one, other in ("{}", "[]", "()"))
    return text if cut else head


def untold(reason: str, rows: Iterable[Row]) -> str:
    """Return of a reason, `see LAW: …`, what the failure of that law does not tell: it is among the
    rows of the subject, or else all of the reason is returned.
    """
    reference, _, said = reason.partition(": ")
    failing = (row for row in rows if row.verdict in FAILING)
    failed = next((row for row in failing if f"see {row.law}" == reference), None)
    if failed is None:
        return reason
    another = failed.law in REPORTING and said != failed.reason  # another exception
    return in_short(reason) if another else reference


def told_reasons(report: Report) -> dict[str, str]:
    """Return the reasons of all rows, by id, as lists tell them: a failure that comes with a
    counterexample has a section, which tells all of it.
    """
    by_subject: dict[str, list[Row]] = {}
    for row in report.rows:
        by_subject.setdefault(row.subject, []).append(row)
    return {
        row.id: in_short(row.reason or "")
        if row.counterexample
        else untold(row.reason or "", by_subject[row.subject])
        for row in report.rows
    }


def reasons_not_run(report: Report) -> list[tuple[str, int]]:
    """Return why laws did not run, and how many, the most frequent reason first."""
    told = told_reasons(report)
    counted = Counter(told[row.id] for row in report.rows if row.verdict == "not-run")
    return (counted + report.left_out).most_common()


def needs_together(reasons: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return why laws did not run, with all that they need as one reason, which stands first and
    leaves to `-v` what the parentheses explain.
    """
    reasons = list(reasons)
    needs: Counter[str] = Counter()
    for reason, count in reasons:
        if reason.startswith(_NEEDS):
            needs[_ASIDE.sub("", reason.removeprefix(_NEEDS))] += count
    if not needs:
        return reasons
    named = ", ".join(
        need + (f" ({count})" if count > 1 and len(needs) > 1 else "")
        for need, count in needs.most_common()
    )
    others = [each for each in reasons if not each[0].startswith(_NEEDS)]
    return [(f"{_NEEDS}{named}: see -v", needs.total()), *others]
