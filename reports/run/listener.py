"""The callbacks of a run: what it tells while it goes on."""

from __future__ import annotations

from ...properties.plan.checks import Check
from ...reference.subjects.targets import UnusableTarget
from ..results.report import Report
from ..results.row import Row


class Listener:
    """Receives the events of a run as they happen, and ignores all but a subject that cannot be
    judged.
    """

    def on_loading(self, number: int, many: int) -> None:
        """Receive which of so many subjects is loaded and tried now, counted from 1."""

    def on_unusable(self, reason: UnusableTarget) -> None:
        """Receive why a subject beside others cannot be judged: raised, it ends the run before
        anything is judged, and else the others are.
        """
        raise reason

    def on_start(self, report: Report) -> None:
        """Receive the empty report with which a run begins."""

    def on_progress(self, item: Check, examples: int) -> None:
        """Receive the number of examples that a long check has judged so far."""

    def on_row(self, row: Row) -> None:
        """Receive the row of a verdict."""
