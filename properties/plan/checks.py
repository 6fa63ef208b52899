"""What a run has to do: which laws apply to which subjects, and which of them are promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...reference.pytrees.spelling import did_you_mean
from ...reference.subjects.capability import Capability
from ..laws.book import BOOK, laws_matching
from ..laws.law import GUARANTEES, PROMISABLE, REPORTING, Law


class UnknownGuarantee(ValueError):
    """A promise names something that is not a guarantee, or is never promised."""


@dataclass(frozen=True)
class NamedSubject:
    """Something under test: its name as the user typed it, its kind, and itself if at hand.

    `target` is None for an object of this process; `value` is None for one that a worker loads.
    """

    name: str
    kind: str
    value: Any = None
    requested_kind: str | None = None
    #: What laws may need of it, and the guarantees that it claims.
    capabilities: frozenset[Capability] = frozenset({Capability.EXERCISE})
    promise: tuple[str, ...] = ("selected", "bits", "inert", "isolated")

    def to_wire(self) -> list[Any]:
        """Return what another process has to know of a subject that is given by name."""
        capabilities = sorted(map(str, self.capabilities))  # execnet takes no enumeration
        return [self.name, self.kind, self.requested_kind, capabilities, self.promise]

    @classmethod
    def from_wire(cls, fields: Sequence[Any]) -> NamedSubject:
        """Return the subject that another process handed on."""
        name, kind, requested, capabilities, promise = fields
        return cls(
            name, kind, None, requested, frozenset(map(Capability, capabilities)), tuple(promise)
        )


@dataclass(frozen=True)
class Check:
    """One law on one subject."""

    subject: NamedSubject
    law: Law
    promised: bool
    #: Why it cannot be judged: what the subject lacks.
    unable: str | None = None
    #: Whether the law that reports a subject without an answer is judged in the same run.
    reported: bool = True
    #: Which it is of those on one law and subject, where two tests judge the same.
    number: int = 1

    @property
    def subject_name(self) -> str:
        """The subject as a report names it."""
        return self.subject.name + (f"#{self.number}" if self.number > 1 else "")

    @property
    def id(self) -> str:
        """`subject::law`, unique within a report."""
        return f"{self.subject_name}::{self.law.id}"


def plan_checks(
    subjects: Iterable[NamedSubject], laws: Collection[str] = ("*",), promise: Collection[str] = ()
) -> tuple[list[Check], list[Check]]:
    """Return the items to run, and those which `laws` leaves out.

    `promise` names other guarantees than those that the subjects claim; `computes` is always
    promised, and who promises bits promises values, and who promises values promises norms.
    Raises `UnknownLaw`, `UnknownGuarantee`, and a `ValueError` for a string in place of a list.
    """
    for option, names in (("laws", laws), ("promise", promise)):
        if isinstance(names, str):
            raise ValueError(f"`{option}` must be a list of names, got {names!r}")
    subjects = _told_apart(subjects)
    claimed = {name for subject in subjects for name in subject.promise}
    require_guarantees(sorted({*promise, *claimed}))
    items = [
        Check(
            subject,
            law,
            not law.beyond and law.guarantee in closed(promise or subject.promise),
            law.needs.missing(subject.capabilities),
        )
        for subject in subjects
        for law in BOOK
        if law.needs.is_possible(subject.kind, subject.capabilities)
    ]
    chosen = laws_matching(laws)
    reported = names_of_reported(item for item in items if item.law in chosen)
    items = [replace(item, reported=item.subject.name in reported) for item in items]
    return [i for i in items if i.law in chosen], [i for i in items if i.law not in chosen]


def names_of_reported(checks: Iterable[Check]) -> set[str]:
    """Return the names of the subjects that a law reports where they give no answer."""
    return {check.subject.name for check in checks if check.law.id in REPORTING}


def _told_apart(subjects: Iterable[NamedSubject]) -> list[NamedSubject]:
    """Number objects of one name, such as two lambdas of a module; targets are named once each."""
    seen: Counter[str] = Counter()
    named = []
    for subject in subjects:
        seen[subject.name] += 1
        number = seen[subject.name]
        if number > 1 and subject.value is not None:
            subject = replace(subject, name=f"{subject.name}#{number}")
        named.append(subject)
    return named


def require_guarantees(names: Iterable[str]) -> None:
    """Raise `UnknownGuarantee` for a name of nothing that can be promised."""
    for name in names:
        if name not in PROMISABLE:
            wrong = "is never promised" if name in GUARANTEES else "is not a guarantee"
            raise UnknownGuarantee(
                f"{name!r} {wrong}{did_you_mean(name, PROMISABLE)} "
                f"(choose from {', '.join(PROMISABLE)})"
            )


def closed(promise: Collection[str]) -> set[str]:
    """Return a promise with all that follows from it."""
    promised = {"computes", *promise}
    if "bits" in promised:
        promised.add("value")
    if "value" in promised:
        promised.add("norm")
    return promised
