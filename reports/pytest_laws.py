"""`@frostproof.laws`: one pytest item a law, in a third party's own test file."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from ..properties.agenda import Item, agenda
from ..properties.judging import Judging
from ..properties.terms import Terms
from ..properties.verdict import Verdict
from .report import Row

_row: Row | None = None


def laws(
    subject: Any,
    *,
    kind: str | None = None,
    promise: Collection[str] = (),
    max_examples: int | None = None,
) -> pytest.MarkDecorator:
    """Decorate `def test_freeze(law): law()`, which then runs once for every law.

    `subject` is one of the four kinds, a function of a known signature, or a string that names a
    target; `kind` settles which of them a function is. Raises a `ValueError` where it is none.
    """
    judging = Judging(Terms.of(max_examples=max_examples))
    if isinstance(subject, str):
        known = judging.subject(subject, kind)
    else:
        from .verification import object_subject

        known = object_subject(subject, kind)
    items, _ = agenda([known], promise=promise)
    return pytest.mark.parametrize(
        "law", [BoundLaw(item, judging) for item in items], ids=[item.law.id for item in items]
    )


class BoundLaw:
    """One law on one subject: call it inside a test."""

    def __init__(self, item: Item, judging: Judging):
        self.item = item
        self._judging = judging

    def __call__(self) -> None:
        """Pass, skip or fail the test that runs by the law's verdict."""
        tell(self.item, self._judging(self.item))

    def __repr__(self) -> str:
        return f"<{self.item.id}>"


def tell(item: Item, verdict: Verdict) -> None:
    """Keep the row for the report, and pass, skip or fail the test that runs."""
    global _row
    _row = row = Row.of(item, verdict)
    if row.fails:
        pytest.fail(explain(row), pytrace=False)
    if row.verdict == "not-run":
        pytest.skip(row.reason or "")
    if row.verdict != "held":
        pytest.xfail(f"beyond the promise: {row.reason}")


def take_row() -> Row | None:
    """Return the row of the test that has just run, once."""
    global _row
    row, _row = _row, None
    return row


def explain(row: Row) -> str:
    """Say in words what a person needs to fix the code, the script last."""
    lines = [f"{row.subject}: {row.law} {row.verdict} after {row.examples} examples", ""]
    lines.append(f"seen  {row.reason}")
    if row.counterexample:
        lines.insert(2, f"law   {row.counterexample['law']}")
        for problem in row.counterexample["problems"]:
            lines.append(
                "for   " + ", ".join(f"{k}={v!r}" for k, v in problem.items() if v is not None)
            )
    if row.reproduce:
        lines += ["", "# a stand-alone script that fails:", row.reproduce]
    return "\n".join(lines)
