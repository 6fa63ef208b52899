"""`frostproof replay`: runs the counterexamples of a report again, on the code as it is now.

Only the target that the user names is imported: nothing that the report names.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ...properties.laws.book import BY_ID
from ...properties.plan.run_settings import TIMEOUT
from ...properties.processes.worker_client import Unreadable, Worker
from ..results.reading import read_report
from ..results.row import Row


def print_replay(report: Path, id: str | None, target: str, kind: str | None) -> int:
    """Print `fixed` or `failed` for each recorded counterexample.

    Args:
        report: a report.json or its folder.
        id: the id of one row or one law; None for all counterexamples.
        target: the code to run. Where the report has counterexamples of this target, only those
            are run; else all are, since the program may have been renamed.
        kind: the kind of the target, if its signature does not tell.

    Returns:
        The exit status: 0 if all counterexamples are fixed, else 1.

    Raises:
        ValueError: for a report that cannot be read, an id that it does not have, a target that
            cannot be loaded, or one of another kind than the counterexamples.
    """
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    rows = [row for row in read_report(report).rows if row.counterexample]
    if id is not None:
        rows = [row for row in rows if id in (row.id, row.law)]
        if not rows:
            raise ValueError(f"{report}: the report has no counterexample for {id!r}")
    rows = [row for row in rows if row.subject == target] or rows
    if not rows:
        console.print("the report has no counterexample")
        return 0
    failed = 0
    with Worker(TIMEOUT) as worker:
        worker.load(target, kind)
        for row in rows:
            message = _replayed(worker, target, kind, row)
            failed += message is not None
            outcome = "[green]fixed [/]" if message is None else "[bold red]failed[/]"
            console.print(f"{outcome} {escape(row.id)}")
            if message is not None:
                console.print(f"       {escape(message)}")
    return 1 if failed else 0


def _replayed(worker: Worker, target: str, kind: str | None, row: Row) -> str | None:
    if row.law not in BY_ID:
        raise ValueError(f"{row.id}: the law book has no law {row.law!r} any more")
    try:
        problems = row.counterexample["problems"] if row.counterexample else []
        return worker.replay(target, kind, row.law, problems)
    except (Unreadable, TypeError, KeyError) as error:
        raise ValueError(f"{row.id}: the counterexample cannot be read: {error}") from None
