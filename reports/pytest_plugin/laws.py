"""`@frostproof.laws`: one pytest item a law, in a third party's own test file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from ...properties.engine.verdict import Verdict
from ...properties.laws.book import laws_matching
from ...properties.plan.checks import Check
from ...properties.plan.run_settings import RunSettings
from ..formats.wording import explain
from ..results.row import FAILING, Row
from ..run.verify import object_subject

UNJUDGED = "no verdict: its test, or the process in which it ran, ended before there was one"


def laws(
    subject: Any,
    *,
    kind: str | None = None,
    promise: Collection[str] = (),
    max_examples: int | None = None,
    expected: Mapping[str, str] = MappingProxyType({}),
) -> pytest.MarkDecorator:
    """Decorate `def test_freeze(law): law()`, which then runs once for every law.

    `subject` is one of the four kinds, a function of a known signature, or a string that names a
    target; `kind` settles which of them a function is. `expected` holds the laws that are known to
    fail: law ids, each with the reason, best a link to an issue. They fail the test when they hold.
    Raises a `ValueError` for a subject of no kind, and for expectations of unknown laws or without
    a reason; a target that cannot be loaded is an error of pytest's collection.
    """
    RunSettings.of(max_examples=max_examples)  # a number that allows no verdict is said here
    _check_expected(expected)
    if not isinstance(subject, str):
        subject = object_subject(subject, kind)
    return pytest.mark.frostproof_laws(
        subject=subject,
        kind=kind,
        promise=promise,
        max_examples=max_examples,
        expected=dict(expected),
    )


def _check_expected(expected: Any) -> None:
    if not isinstance(expected, Mapping):
        raise ValueError(f"`expected` must map law ids to reasons, got {expected!r}")
    for law, reason in expected.items():
        laws_matching([law])
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"`expected` needs a reason for {law!r}, best a link to an issue")


class BoundLaw:
    """One law on one subject: call it inside a test."""

    def __init__(self, item: Check, judge: Callable[[Check], Row], expected: str | None = None):
        self.item = item
        self._judge = judge
        #: Why it is known to fail.
        self._expected = expected
        #: What the plugin attaches to the reports of the test; until it is judged, that it is not.
        self.frostproof_row = Row.of(item, Verdict("error", 0, reason=UNJUDGED))

    def __call__(self) -> None:
        """Pass, skip or fail the test that runs by the law's verdict."""
        self.frostproof_row = row = self._judge(self.item)
        if self._expected is not None:
            self.frostproof_row = row = self._compared(row, self._expected)
        if row.fails:
            pytest.fail(explain(row), pytrace=False)
        if row.verdict == "not-run":
            pytest.skip(row.reason or "")
        if row.verdict != "held":
            pytest.xfail(f"beyond the promise: {row.reason}")

    def _compared(self, row: Row, expected: str) -> Row:
        """End the test of a law that fails as expected, or that does not any more."""
        reason = f"{row.reason} (expected: {expected})"
        if row.verdict in FAILING:
            self.frostproof_row = row = replace(row, reason=reason, expected=expected)
            pytest.xfail(reason)  # to no effect under `--runxfail`
        if row.verdict == "held":
            self.frostproof_row = replace(row, reason=f"expected to fail: {expected}")
            pytest.fail(
                f"{row.subject}: {row.law} held on {row.examples} examples and is expected to "
                f"fail ({expected}): take it out of `expected`, or raise `max_examples` if it "
                "fails seldom",
                pytrace=False,
            )
        return row

    def __repr__(self) -> str:
        return f"<{self.item.id}>"
