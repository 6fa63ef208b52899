"""`frostproof replay`: runs the counterexamples of a report again, on the code as it is now.

A report may come from anywhere. A target that the user names is imported, and without one those of
the report that lie in the current folder, or are references of frostproof: nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ...properties.laws.book import BY_ID
from ...properties.plan.run_settings import TIMEOUT
from ...properties.processes.worker_client import Unreadable, Worker
from ...reference.pytrees.spelling import did_you_mean
from ...reference.subjects.targets import resolved
from ..results.reading import read_report
from ..results.row import Row


def print_replay(report: Path, id: str | None, target: str | None, kind: str | None) -> int:
    """Print `fixed` or `failed` for each recorded counterexample.

    Args:
        report: a report.json or its folder.
        id: the id of one row or one law; None for all counterexamples.
        target: the code to run. Where the report has counterexamples of this target, only those
            are run; else all are, since the program may have been renamed. None for the targets
            that the report names.
        kind: the kind of the target, if its signature does not tell.

    Returns:
        The exit status: 1 if a counterexample of a promised law still fails, else 0. What is
        beyond the promise, or known to fail, fails nothing here either, and is marked.

    Raises:
        ValueError: for a report that cannot be read, an id that it does not have, a target that
            cannot be loaded, or one of another kind than the counterexamples, and for a target
            outside the current folder that only the report names.
    """
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    rows = [row for row in read_report(report).rows if row.counterexample]
    if id is not None:
        known = [name for row in rows for name in (row.law, row.id)]
        rows = [row for row in rows if id in (row.id, row.law)]
        if not rows:
            meant = did_you_mean(id, dict.fromkeys(known))
            raise ValueError(f"{report}: the report has no counterexample for {id!r}{meant}")
    if not rows:
        console.print("the report has no counterexample")
        return 0
    if target is not None:
        rows = [row for row in rows if row.subject == target] or rows
    failed = 0
    with Worker(TIMEOUT) as worker:
        for each in [target] if target is not None else _near(rows):
            worker.load(each, kind)
        for row in rows:
            message = _replayed(worker, target or row.subject, kind, row)
            failed += message is not None and row.fails
            outcome = "[green]fixed [/]" if message is None else "[bold red]failed[/]"
            console.print(f"{outcome} {escape(row.id)}{_excused(row) if message else ''}")
            if message is not None:
                console.print(f"       {escape(message)}")
    return 1 if failed else 0


def _excused(row: Row) -> str:
    """Say why a counterexample that fails still fails nothing; empty where it does."""
    _, separator, why = row.words.partition(", ")
    return f"  [dim]{why}[/]" if separator else ""


def _near(rows: Sequence[Row]) -> list[str]:
    """Return the targets of rows; raises a `ValueError` where one lies outside the current folder.

    The author of a report does not choose what of this machine is imported.
    """
    targets = list(dict.fromkeys(row.subject for row in rows))
    for target in targets:
        if not _is_near(resolved(target).rpartition(":")[0]):
            raise ValueError(
                f"{target}: the report names this target, which is not in the current folder: "
                "go to the folder of the run, or name the target by --target"
            )
    return targets


def _is_near(place: str) -> bool:
    here = Path.cwd()
    if place.endswith(".py"):
        return Path(place).resolve().is_relative_to(here)
    package = place.partition(".")[0]
    return (
        package == "frostproof" or (here / package).is_dir() or (here / f"{package}.py").is_file()
    )


def _replayed(worker: Worker, target: str, kind: str | None, row: Row) -> str | None:
    if row.law not in BY_ID:
        raise ValueError(f"{row.id}: the law book has no law {row.law!r} any more")
    try:
        problems = row.counterexample["problems"] if row.counterexample else []
        return worker.replay(target, kind, row.law, problems)
    except (Unreadable, TypeError, KeyError) as error:
        raise ValueError(f"{row.id}: the counterexample cannot be read: {error}") from None
