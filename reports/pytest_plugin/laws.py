"""`@frostproof.laws`: one pytest item per law, in a third party's test file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec

import pytest

from ...properties.engine.verdict import Verdict
from ...properties.laws.book import laws_matching
from ...properties.plan.checks import Check
from ...reference.pytrees.articles import a_type_of
from ...reference.subjects.signatures import unknown_argument
from ..formats.wording import explain
from ..results.row import FAILING, Row
from ..run.scripts import without_large_arrays

UNJUDGED = "the test of this law, or its process, ended before there was a verdict"
_Arguments = ParamSpec("_Arguments")
#: How others call what chooses laws, which the decorator leaves to pytest.
_CHOOSING = ("law", "laws")


def _naming_misuse(
    decorator: Callable[_Arguments, pytest.MarkDecorator],
) -> Callable[_Arguments, pytest.MarkDecorator]:
    """Leave arguments that a decorator does not take to its test, which says so in a line, where
    Python would raise a `TypeError` that tells none of those that are taken.
    """
    taken = list(inspect.signature(decorator).parameters)

    @wraps(decorator)
    def decorate(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> pytest.MarkDecorator:
        bare = len(args) == 1 and _is_test(args[0])
        unknown = [name for name in kwargs if name not in taken]
        if unknown:
            misuse = _unknown_argument(unknown[0], taken)
        elif bare or not (args or "subject" in kwargs):
            misuse = "`@frostproof.laws` needs a subject: write `@frostproof.laws(subject)`"
        elif len(args) > 1:
            misuse = f"`@frostproof.laws` takes one subject, and by name {', '.join(taken[1:])}"
        else:
            return decorator(*args, **kwargs)
        mark = pytest.mark.frostproof_laws(unusable=misuse)
        # Without its parentheses the decorator stands for the test, which would be lost.
        return mark(args[0]) if bare else mark

    return decorate


def _is_test(subject: Any) -> bool:
    """Tell whether this is what a decorator without parentheses is given."""
    if inspect.isclass(subject):
        return subject.__name__.startswith("Test")
    return inspect.isfunction(subject) and "law" in inspect.signature(subject).parameters


def _unknown_argument(name: str, taken: Sequence[str]) -> str:
    """Say what the decorator takes in place of an argument, or who chooses laws."""
    if name in _CHOOSING:
        return (
            f"`@frostproof.laws` has no argument `{name}`: choose laws by "
            "`pytest -k frozen-value`, or for the whole project by "
            '`laws = ["frozen-value"]` below `[tool.frostproof]` in pyproject.toml'
        )
    return unknown_argument("@frostproof.laws", name, taken)


@_naming_misuse
def laws(
    subject: Any,
    *,
    kind: str | None = None,
    promise: Collection[str] = (),
    max_examples: int | None = None,
    expected: Mapping[str, str] = MappingProxyType({}),
) -> pytest.MarkDecorator:
    """Decorate `def test_freeze(law): law()`, which then runs once per law.

    Args:
        subject: an `Exercise`, `OptaxFreeze`, `LinenTrainer` or `NnxTrainer`, a function of a known
            signature, or a string that names a target.
        kind: what a function is taken for: "linen", "nnx", "optax" or "trainer".
        promise: guarantees to hold the subject to, in place of those that it claims.
        max_examples: examples per law; by default the profile's number.
        expected: laws that are known to fail, each with a reason, best a link to an issue. A law
            that holds although it is expected to fail fails its test.

    Returns:
        A mark for a test function with an argument `law`. What cannot be judged is an error of this
        test alone: a subject of an unknown kind, a target that cannot be loaded, an expectation of
        an unknown law or without a reason, an unknown argument, a test without
        `law`.
    """
    return pytest.mark.frostproof_laws(
        subject=subject,
        kind=kind,
        promise=promise,
        max_examples=max_examples,
        expected=expected,
    )


def require_one_subject(mark: Mapping[str, Any]) -> None:
    """Raise a `ValueError` unless the arguments of a mark are those of one subject."""
    if "unusable" in mark:
        raise ValueError(mark["unusable"])
    subject = mark["subject"]
    if isinstance(subject, list | tuple | set | frozenset):
        raise ValueError(
            f"`@frostproof.laws` takes one subject, got {a_type_of(subject)}: write the decorator "
            "once per subject, one above the other"
        )


def require_reasons(expected: Any) -> None:
    """Raise a `ValueError` unless this names laws that are known to fail, each with a reason."""
    if not isinstance(expected, Mapping):
        raise ValueError(f"`expected` must map law ids to reasons, got {expected!r}")
    for law, reason in expected.items():
        laws_matching([law])
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(
                f"`expected` must give a reason for {law!r}, best a link to an issue, "
                f"got {reason!r}"
            )


@dataclass(frozen=True)
class Unusable:
    """Stands for the laws on a subject that cannot be judged: its test is an error."""

    frostproof_unusable: str

    def __repr__(self) -> str:
        return "<unusable>"


def unusable(reason: str) -> Any:
    """Return the parameter of a test that cannot judge anything."""
    return pytest.param(Unusable(reason), id="unusable")


class BoundLaw:
    """One law on one subject: call it inside a test."""

    def __init__(
        self,
        item: Check,
        judge: Callable[[Check], Row],
        script_of: Callable[[Row], Path | None],
        expected: str | None = None,
    ):
        self.item = item
        self._judge = judge
        #: Writes the script of a failure; returns None where it has to be printed.
        self._script_of = script_of
        #: The reason of a known failure.
        self._expected = expected
        #: The row that the plugin attaches to the reports of the test, replaced by the verdict's.
        self.frostproof_row = Row.of(item, Verdict("error", 0, reason=UNJUDGED))

    def __call__(self) -> None:
        """Pass, skip or fail the running test by the law's verdict."""
        self.frostproof_row = row = self._judge(self.item)
        if self._expected is not None:
            self.frostproof_row = row = self._compared(row, self._expected)
        script = self._script_of(row)
        if row.fails:
            shown = without_large_arrays(row) if script is None else row
            pytest.fail(explain(shown, script, brief=True), pytrace=False)
        if row.verdict == "not-run":
            pytest.skip(row.reason or "")
        if row.verdict not in ("held", "proved"):
            pytest.xfail(f"beyond the promise: {row.reason}")

    def _compared(self, row: Row, expected: str) -> Row:
        """End the test of a law that fails as expected, or that holds against expectation."""
        reason = f"{row.reason} (expected: {expected})"
        if row.verdict in FAILING:
            self.frostproof_row = row = replace(row, reason=reason, expected=expected)
            pytest.xfail(reason)  # to no effect under `--runxfail`
        if row.verdict in ("held", "proved"):
            self.frostproof_row = replace(row, reason=f"expected to fail: {expected}")
            pytest.fail(
                f"{row.subject}: {row.law} held on {row.examples} "
                f"example{'s' * (row.examples != 1)}, expected a failure "
                f"({expected}): remove the law from `expected`, or raise `max_examples` if the "
                "failure is rare",
                pytrace=False,
            )
        return row

    def __repr__(self) -> str:
        return f"<{self.item.id}>"
