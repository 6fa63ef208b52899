"""Prints the law book: every law in two lines, or one law in full."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from ...properties.laws.book import BOOK, laws_matching
from ...properties.laws.law import GUARANTEES


def print_book() -> None:
    """Print id, guarantee and statement of every law."""
    console = _console()
    for law in BOOK:
        console.print(f"[bold]{law.id}[/] [dim]({law.guarantee}, needs {law.needs})[/]")
        console.print(f"    {escape(law.statement)}")


def print_law(id: str) -> None:
    """Print one law in full; raises `UnknownLaw`."""
    console = _console()
    for law in laws_matching([id]):
        console.print(f"[bold]{law.id}[/]")
        console.print(f"  {escape(law.statement)}")
        console.print(f"  guarantee  {law.guarantee}: {GUARANTEES[law.guarantee]}")
        console.print(f"  needs      {law.needs}")
        for label, share in law.budget.items():
            console.print(f"  budget     at least {share:.0%} of examples: {escape(label)}")
        for label, share in law.evidence.items():
            console.print(
                f"  evidence   at least {share:.0%} of examples: {escape(label)}; the law does not "
                "run on a subject that shows less"
            )
        console.print(f"  a failure usually means\n    {escape(law.meaning)}")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, emoji=False)
