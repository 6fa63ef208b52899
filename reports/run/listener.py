"""What is told of a run while it goes on."""

from __future__ import annotations

from ...properties.plan.checks import Check
from ..results.report import Report
from ..results.row import Row


class Listener:
    """Is told what happens in a run as it happens; does nothing of it."""

    def starts(self, report: Report) -> None:
        """A run begins, with an empty report."""

    def progresses(self, item: Check, examples: int) -> None:
        """A law that takes long has judged this many examples."""

    def finds(self, row: Row) -> None:
        """A verdict was reached."""
