"""The laws of freezing on two checkpoints: one verdict per law, over all leaves it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ...reference.pytrees.comparison import Change
from ...reference.pytrees.paths import Path, path_text
from ..engine.verdict import Counterexample, Verdict
from ..laws.book import BY_ID
from .judging import Judged
from .roles import Role

#: What a person reads of the leaves of a counterexample; the journal has them all.
_LEAVES = 24

Told = tuple[Judged, str]


@final
@dataclass(frozen=True)
class Law:
    """A law of the book as it is asked of two checkpoints."""

    id: str
    #: Which leaves it is about.
    concerns: Callable[[Judged], bool]
    #: What a leaf that breaks it did, in words; None for one that keeps it.
    breaks: Callable[[Judged], str | None]
    #: Why it says nothing where no leaf concerns it.
    unasked: str

    @property
    def guarantee(self) -> str:
        """The guarantee that the law belongs to."""
        return BY_ID[self.id].guarantee


def _frozen(judged: Judged) -> bool:
    return judged.role is Role.FROZEN


def _keeps(promise: str) -> Callable[[Judged], str | None]:
    def breaks(judged: Judged) -> str | None:
        found = judged.difference
        if found is None:
            return f"frozen leaf changed: {judged.pair.form_change}"
        if found.change is None or (promise != "bits" and getattr(found, f"keeps_{promise}")):
            return None
        return f"frozen leaf changed: {found.change.describe()}"

    return breaks


def _changes_form(judged: Judged) -> str | None:
    return judged.pair.form_change


def _stays(judged: Judged) -> str | None:
    return None if judged.moved else "trainable leaf stayed bit-identical"


def _drifts(judged: Judged) -> str | None:
    if judged.drift is None:
        return None
    return f"a copy of a frozen leaf no longer equals it: {judged.drift.describe()}"


_NO_FROZEN = "no leaf is frozen"
LAWS = (
    Law("frozen-norm", _frozen, _keeps("norm"), _NO_FROZEN),
    Law("frozen-value", _frozen, _keeps("value"), _NO_FROZEN),
    Law("frozen-bits", _frozen, _keeps("bits"), _NO_FROZEN),
    Law(
        "frozen-structure",
        lambda judged: judged.role is not Role.STATE,
        _changes_form,
        "there are no parameters",
    ),
    Law(
        "trainable-moves",
        lambda judged: judged.role is Role.TRAINABLE and judged.difference is not None,
        _stays,
        "no leaf is trainable",
    ),
    Law(
        "frozen-copies",
        lambda judged: judged.is_copy,
        _drifts,
        "no averaged copies of frozen leaves are stored, or none that equalled them before",
    ),
)


def verdicts(
    judged: Sequence[Judged], still: Collection[Path], problem: Mapping[str, Any]
) -> Iterator[tuple[Law, Verdict]]:
    """Yield each law with its verdict; trainable leaves in `still` may stay as they are."""
    for law in LAWS:
        about = [each for each in judged if law.concerns(each)]
        if law.id == "trainable-moves":
            about = [each for each in about if each.path not in still]
        broken = [(each, text) for each in about if (text := law.breaks(each))]
        labels = {"leaves that moved": sum(each.moved for each in about)}
        if not about:
            yield law, Verdict("not-run", 0, reason=law.unasked)
        elif not broken:
            yield law, Verdict("held", len(about), labels=labels)
        else:
            example = _example(law, broken, problem)
            yield law, Verdict("refuted", len(about), _reason(broken), example, labels=labels)


def sentence(told: Told) -> str:
    """Say what a leaf did, and what it looks like."""
    judged, text = told
    cause = f"; {judged.cause}" if judged.cause else ""
    return f"{path_text(judged.path)}: {text}{cause}"


def _reason(broken: Sequence[Told]) -> str:
    more = len(broken) - 1
    others = f"; and {more:,} more lea{'ves' if more > 1 else 'f'}" if more else ""
    return sentence(broken[0]) + others


def _example(law: Law, broken: Sequence[Told], problem: Mapping[str, Any]) -> Counterexample:
    first, _ = broken[0]
    change = first.drift or (first.difference and first.difference.change)
    facts: dict[str, Any] = {"leaf": path_text(first.path)}
    if change is not None:
        facts |= numbers(change)
    if first.cause is not None:
        facts["cause"] = first.cause
    leaves = [_leaf(each) for each, _ in broken[:_LEAVES]]
    course = [{"steps": [{"step": 1, "loss": None, "leaves": leaves}]}]
    message = sentence(broken[0])
    return Counterexample(BY_ID[law.id].statement, message, [dict(problem)], facts, course)


def _leaf(judged: Judged) -> dict[str, Any]:
    change = judged.drift or (judged.difference and judged.difference.change)
    leaf = judged.pair.after or judged.pair.before
    entry = {"leaf": path_text(judged.path), "frozen": _frozen(judged), "changed": 0}
    entry["of"] = leaf.size if leaf else 0
    if judged.pair.form_change:
        return entry | {"what": judged.pair.form_change}
    return entry | ({"changed": change.count} | numbers(change) if change else {})


def numbers(change: Change) -> dict[str, Any]:
    """The furthest element of a change, as JSON can hold it but for infinities and NaN."""
    return {
        "before": _number(change.before),
        "after": _number(change.after),
        "ulps": change.ulps,
    }


def _number(element: Any) -> float | str | None:
    if element is None:
        return None
    return str(element) if element.dtype.kind == "c" else float(element)
