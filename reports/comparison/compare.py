"""Compares two runs: which laws broke, got fixed, are new, are gone or no longer run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ..results.report import Report
from ..results.row import FAILING, Row
from .baseline import Baseline, Known

Kind = Literal["regressed", "gone", "not run", "failing", "unproved", "fixed", "new"]

#: Each kind in words, the most urgent first.
KINDS: Mapping[Kind, str] = {
    "regressed": "regressed",
    "gone": "gone: judged before, and missing now",
    "not run": "no longer run: judged before, and without a verdict now",
    "failing": "still failing",
    "unproved": "no longer proved: held on examples now",
    "fixed": "fixed",
    "new": "new",
}
#: The changes of promised laws that raise an alarm: a law fails, or is lost.
ALARMING = ("regressed", "gone", "not run")
#: How much worse a verdict is than another.
_BADNESS = {"held": 0, "proved": 0, "not-run": 0, "vacuous": 1, "error": 2, "refuted": 2}
NOTHING_KNOWN = Baseline()


@dataclass(frozen=True)
class Change:
    """One law on one subject that fares better or worse than before, or fails both times."""

    id: str
    kind: Kind
    before: Row | None
    after: Row | None
    #: The entry of the baseline that covers the row, and whether it still excuses.
    known: Known | None = None
    excused: bool = False

    @property
    def promised(self) -> bool:
        """Whether the subject promised it, then or now: dropping a promise hides no failure."""
        return any(row.promised for row in (self.before, self.after) if row)

    @property
    def fails(self) -> bool:
        """Whether a baseline can excuse it: a failure, or a law that is lost."""
        return self.kind in ALARMING or self.kind == "failing"

    @property
    def alarms(self) -> bool:
        """Whether it makes the comparison fail.

        An old failure does from the day after its entry in the baseline ended.
        """
        overdue = self.kind == "failing" and self.known is not None
        return self.promised and not self.excused and (self.kind in ALARMING or overdue)

    @property
    def verdicts(self) -> str:
        """The verdicts before and now: `held → refuted`."""
        before, after = (row.verdict if row else "none" for row in (self.before, self.after))
        return before if before == after else f"{before} → {after}"

    @property
    def reason(self) -> str:
        """The reason of the verdict now, or of the last one there was."""
        row = self.after or self.before
        return (row.reason if row else None) or ""


@dataclass(frozen=True)
class Comparison:
    """All changes between two reports, in the order of their ids."""

    before: Report
    after: Report
    changes: tuple[Change, ...]
    baseline: Baseline = NOTHING_KNOWN
    #: The names of the one subject of each report, where those differ.
    renamed: tuple[str, str] | None = None

    @property
    def exit_status(self) -> int:
        """1 where a change raises an alarm, or one more subject cannot be judged, else 0."""
        return 1 if self.alarms or self.unusable else 0

    @property
    def unusable(self) -> list[str]:
        """Why more subjects cannot be judged than before; their laws are in no row."""
        return sorted(self.after.unusable - self.before.unusable)

    @property
    def still_unusable(self) -> list[str]:
        """Why the subjects cannot be judged that could not be before."""
        return sorted(self.after.unusable.keys() - self.unusable)

    @property
    def alarms(self) -> list[Change]:
        """The changes that raise an alarm, the most urgent first."""
        return [change for kind in KINDS for change in self.of_kind(kind) if change.alarms]

    def of_kind(self, kind: Kind) -> list[Change]:
        """Return the changes of a kind: alarms first, laws that were never promised last."""
        found = [change for change in self.changes if change.kind == kind]
        return sorted(found, key=lambda each: (not each.alarms, not each.promised))

    @property
    def stale(self) -> list[Known]:
        """The entries of the baseline that excuse nothing, and can be removed."""
        return self.baseline.stale([change.id for change in self.changes if change.fails])

    @property
    def versions(self) -> dict[str, tuple[str, str]]:
        """The packages whose versions differ between the runs, with both versions."""
        before, after = self.before.versions, self.after.versions
        return {
            name: (before.get(name, "none"), after.get(name, "none"))
            for name in sorted(before | after)
            if before.get(name) != after.get(name)
        }


def compare(before: Report, after: Report, baseline: Baseline | None = None) -> Comparison:
    """Compare two reports row by row.

    Args:
        before: the older report.
        after: the newer report. Where each report has a single subject and the names differ, they
            are taken for one program under a new name.
        baseline: known failures; by default there are none.
    """
    baseline = baseline or NOTHING_KNOWN
    renamed = _renamed(before, after)
    old = {_id(row, renamed): row for row in before.rows}
    new = {row.id: row for row in after.rows}
    changes = []
    for id in sorted(old.keys() | new.keys()):
        kind = _kind(old.get(id), new.get(id))
        if kind is not None:
            change = Change(id, kind, old.get(id), new.get(id))
            if change.fails and (known := baseline.find(id)):
                excused = not known.expired(baseline.today)
                change = replace(change, known=known, excused=excused)
            changes.append(change)
    return Comparison(before, after, tuple(changes), baseline, renamed)


def _kind(before: Row | None, after: Row | None) -> Kind | None:
    """Return how a law on a subject changed; None where it did not."""
    ran = before is not None and before.verdict != "not-run"
    failed = before is not None and before.verdict in FAILING
    if after is None:
        return "gone" if ran else None
    if after.verdict == "not-run":
        return "not run" if ran else None if before else "new"
    if after.verdict in FAILING:
        worse = before is None or _BADNESS[after.verdict] > _BADNESS[before.verdict]
        return "regressed" if worse else "failing"
    if failed:
        return "fixed"
    if before is not None and (before.verdict, after.verdict) == ("proved", "held"):
        return "unproved"
    return None if ran else "new"


def _renamed(before: Report, after: Report) -> tuple[str, str] | None:
    old, new = ({row.subject for row in report.rows} for report in (before, after))
    return (old.pop(), new.pop()) if len(old) == len(new) == 1 and old != new else None


def _id(row: Row, renamed: tuple[str, str] | None) -> str:
    return f"{renamed[1]}::{row.law}" if renamed else row.id
