"""Which checks one process judges: those that share what was drawn, run and compiled."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..laws.book import BOOK, BY_ID
from ..laws.law import Law
from ..proofs.provable import PROVABLE
from .checks import Check


def groups(checks: Sequence[Check], processes: int) -> list[list[Check]]:
    """Divide checks so that so many processes have work, in the order of the checks.

    All laws on one subject share its compiled programs. With fewer subjects than processes a group
    is the laws that draw the same problems, which share their runs. Groups that may be proved as a
    whole come last: they take the least time.
    """
    few = len({check.subject_name for check in checks}) < processes
    found: dict[Hashable, list[Check]] = {}
    for check in checks:
        key = (check.subject_name, stream(check.law)) if few else check.subject_name
        found.setdefault(key, []).append(check)
    return sorted(found.values(), key=lambda group: all(each.law.id in PROVABLE for each in group))


def stream(law: Law) -> Law:
    """Return the first law of the book that draws the same problems, or asks for the same proofs.

    Most laws that can be proved draw what `frozen-value` draws.
    """
    drawn = BY_ID["frozen-value"].draws if law.id in PROVABLE else law.draws
    return next(each for each in BOOK if each.draws == drawn)
