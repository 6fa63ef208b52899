"""The verdict table on the terminal, written as it comes, and what follows from it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from ...properties.plan.checks import Check
from ..formats.wording import conclusion, story
from ..results.guarantees import standings
from ..results.report import Report
from ..results.row import Row
from ..run.listener import Listener

_STYLES = {
    "held": "green",
    "refuted": "bold red",
    "vacuous": "yellow",
    "error": "bold red",
    "not-run": "dim",
}


class Terminal(Listener):
    """Prints a line for each verdict, and the counterexamples at the end."""

    def __init__(self, console: Console | None = None, *, scripts: bool = True):
        self.console = console or Console(highlight=False, soft_wrap=True, emoji=False)
        self.scripts = scripts
        self._subject: str | None = None
        self._status: Status | None = None

    def starts(self, report: Report) -> None:
        """Say by which profile and seed the problems are drawn."""
        self.console.print(f"[dim]profile {report.profile}, seed {report.seed}[/]")

    def progresses(self, item: Check, examples: int) -> None:
        """Show on a live terminal how far a long law is."""
        if self.console.is_terminal:
            if self._status is None:
                self._status = self.console.status("")
                self._status.start()
            self._status.update(f"{escape(item.law.id)}: {examples} examples")

    def finds(self, row: Row) -> None:
        """Print a line of the table, and below it why a law did not hold."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if row.subject != self._subject:
            self._subject = row.subject
            self.console.print(f"\n[bold]{escape(row.subject)}[/]")
        style = _STYLES[row.verdict]
        beyond = "" if row.promised else "  [dim]beyond the promise[/]"
        self.console.print(
            f"  [{style}]{row.verdict:8}[/] {row.law:28} [dim]{row.guarantee:9}"
            f"{row.examples:6} examples {row.seconds:7.2f} s[/]{beyond}"
        )
        if row.reason:
            self.console.print(f"           [{style}]{escape(row.reason)}[/]")

    def ends(self, report: Report) -> None:
        """Print each counterexample with its script, and how much ran."""
        for row in report.rows:
            if row.counterexample:
                self._counterexample(row)
        summary = report.summary
        self.console.print(f"\nran {summary['ran']} of {summary['of']} laws")
        for reason, count in summary["not_run"].items():
            self.console.print(f"[dim]  {count} not run: {escape(reason)}[/]")
        for subject, standing in standings(report.rows).items():
            self.console.print(f"{escape(subject)} {escape(standing.sentence)}")
        self.console.print(self._conclusion(report))

    def _counterexample(self, row: Row) -> None:
        self.console.rule(f"{escape(row.subject)} :: {row.law}", align="left", style="red")
        for keyword, text in story(row):
            self.console.print(f"[bold]{keyword:5}[/] {escape(text)}")
        if self.scripts and row.reproduce:
            self.console.print("[dim]# a stand-alone script that fails:[/]")
            self.console.print(escape(row.reproduce.rstrip()))

    @staticmethod
    def _conclusion(report: Report) -> str:
        style = {0: "bold green", 1: "bold red"}.get(report.exit_status, "bold yellow")
        laws = ", ".join(dict.fromkeys(row.law for row in report.rows if row.fails))
        return f"[{style}]{conclusion(report)}[/]{f': {laws}' if laws else ''}"
