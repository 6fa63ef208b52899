"""What a run has to do: which laws apply to which subjects, and which of them are promised."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .book import BOOK, laws_matching
from .law import GUARANTEES, Law


class UnknownGuarantee(ValueError):
    """`--promise` names something that is no guarantee."""


@dataclass(frozen=True)
class Subject:
    """Something under test: its name as the user typed it, its kind, and itself if at hand.

    `target` is None for an object of this process; `value` is None for one that a worker loads.
    """

    name: str
    kind: str
    value: Any = None
    requested_kind: str | None = None


@dataclass(frozen=True)
class Item:
    """One law on one subject."""

    subject: Subject
    law: Law
    promised: bool

    @property
    def id(self) -> str:
        """`subject::law`, unique within a report."""
        return f"{self.subject.name}::{self.law.id}"


def agenda(
    subjects: Iterable[Subject], laws: Collection[str] = ("*",), promise: Collection[str] = ()
) -> tuple[list[Item], list[Item]]:
    """Return the items to run, and those which `laws` leaves out.

    Exercises promise all of their laws but advice; `promise` narrows that to the guarantees it
    names, and to `computes`, which is always promised. Raises `UnknownLaw`, `UnknownGuarantee`.
    """
    unknown = sorted(set(promise) - set(GUARANTEES))
    if unknown:
        raise UnknownGuarantee(
            f"{unknown[0]!r} is no guarantee: choose from {', '.join(GUARANTEES)}"
        )
    chosen = laws_matching(laws)
    promised = {"computes", *promise} if promise else set(GUARANTEES) - {"advice"}
    items = [
        Item(subject, law, law.guarantee in promised)
        for subject in subjects
        for law in BOOK
        if law.needs == "exercise" and subject.kind in ("linen", "nnx")
    ]
    return [i for i in items if i.law in chosen], [i for i in items if i.law not in chosen]
