"""`@frostproof.laws`: one pytest item a law, in a third party's own test file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from ..properties.agenda import Item
from ..properties.terms import Terms
from ..properties.verdict import Verdict
from .explanation import story
from .report import Row
from .verification import object_subject

UNJUDGED = "no verdict: its test, or the process in which it ran, ended before there was one"


def laws(
    subject: Any,
    *,
    kind: str | None = None,
    promise: Collection[str] = (),
    max_examples: int | None = None,
) -> pytest.MarkDecorator:
    """Decorate `def test_freeze(law): law()`, which then runs once for every law.

    `subject` is one of the four kinds, a function of a known signature, or a string that names a
    target; `kind` settles which of them a function is. Raises a `ValueError` where it is none; a
    target that cannot be loaded is an error of pytest's collection.
    """
    Terms.of(max_examples=max_examples)  # a number that allows no verdict is said here
    if not isinstance(subject, str):
        subject = object_subject(subject, kind)
    return pytest.mark.frostproof_laws(
        subject=subject, kind=kind, promise=promise, max_examples=max_examples
    )


class BoundLaw:
    """One law on one subject: call it inside a test."""

    def __init__(self, item: Item, judge: Callable[[Item], Row]):
        self.item = item
        self._judge = judge
        #: What the plugin attaches to the reports of the test; until it is judged, that it is not.
        self.frostproof_row = Row.of(item, Verdict("error", 0, reason=UNJUDGED))

    def __call__(self) -> None:
        """Pass, skip or fail the test that runs by the law's verdict."""
        self.frostproof_row = row = self._judge(self.item)
        if row.fails:
            pytest.fail(explain(row), pytrace=False)
        if row.verdict == "not-run":
            pytest.skip(row.reason or "")
        if row.verdict != "held":
            pytest.xfail(f"beyond the promise: {row.reason}")

    def __repr__(self) -> str:
        return f"<{self.item.id}>"


def explain(row: Row) -> str:
    """Say in words what a person needs to fix the code, the script last."""
    examples = f"{row.examples} example{'s' * (row.examples != 1)}"
    lines = [f"{row.subject}: {row.law} {row.verdict} after {examples}", ""]
    lines += [f"{keyword:5} {text}" for keyword, text in story(row)]
    if row.reproduce:
        lines += ["", "# a stand-alone script that fails:", row.reproduce]
    return "\n".join(lines)
