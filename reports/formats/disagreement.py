"""Finds where the parts of a merged report disagree, as where a law held on one release alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ..results.report import Part, Report
from ..results.row import WORST


def disagreements(report: Report) -> dict[str, list[tuple[str, str]]]:
    """Return the laws on which parts disagree.

    Returns:
        By row id, each verdict with what tells its part from the others: the versions that not all
        parts share, or the seed where they share all.
    """
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for part in report.parts:
        for id, verdict in part.verdicts.items():
            found[id].add((verdict, _told_apart(part, report.parts)))
    return {
        id: sorted(verdicts, key=lambda each: (WORST.index(each[0]), each[1]))
        for id, verdicts in found.items()
        if len({verdict for verdict, _ in verdicts}) > 1
    }


def _told_apart(part: Part, parts: Sequence[Part]) -> str:
    """Say in what a part differs from the others."""
    differing = [
        f"{name} {version}"
        for name, version in part.versions.items()
        if any(other.versions.get(name) != version for other in parts)
    ]
    return ", ".join(differing) or f"seed {part.seed}"
