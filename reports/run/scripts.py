"""The stand-alone scripts of a run's counterexamples, as files that a person can run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..results.array_files import SCRIPTS, with_arrays_in_files
from ..results.row import Row

#: Where scripts go when no folder is named for the report, below the folder of the project.
DEFAULT = Path(".frostproof") / "scripts"


def folder_of_scripts(report: Path | None, project: Path = Path()) -> Path:
    """Return the folder of the scripts of a run, with or without a folder for its report."""
    return project / DEFAULT if report is None else report / SCRIPTS


def without_large_arrays(row: Row) -> Row:
    """Return a row to be printed: its large arrays lie in files, where these can be written."""
    try:
        shortened = with_arrays_in_files(row, DEFAULT)
        _keep_out_of_git(DEFAULT)
    except OSError:
        return row
    return shortened


def write_scripts(rows: Iterable[Row], folder: Path) -> dict[str, Path]:
    """Bring the scripts of a folder up to date, and return the files by the id of the row."""
    written = {row.id: update_script(row, folder) for row in rows}
    return {id: path for id, path in written.items() if path is not None}


def update_script(row: Row, folder: Path) -> Path | None:
    """Write the script of a promised failure and return the file; remove that of a mended fault.

    A disk that is full, or a folder that cannot be made, leaves the script out: the report has it.
    """
    name = re.sub(r"[^\w.-]+", "-", f"{Path(row.subject).name}-{row.law}").strip("-")
    path = folder / f"{name}.py"
    if row.verdict in ("held", "proved"):
        _remove(path, row)
    if not (row.fails and row.reproduce):
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(folder)
        reproduce = with_arrays_in_files(row, folder).reproduce or ""
        text = f"{_heading(row)}\n{reproduce}"
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return None
    return path


def _keep_out_of_git(folder: Path) -> None:
    """Have git ignore a folder that nobody asked for, unless its user decided otherwise."""
    ignored = folder.parent / ".gitignore"
    if folder.parts[-2:] == DEFAULT.parts and folder.exists() and not ignored.exists():
        ignored.write_text(
            "# Written by frostproof: scripts of failures, made anew by each run.\n*\n"
        )


def _heading(row: Row) -> str:
    """Return the first line of a script: files of one name may be about different programs."""
    return f"# Written by frostproof for {row.id!a}, and removed when the law holds."


def _remove(path: Path, row: Row) -> None:
    """Remove a script, unless the file is about something else."""
    with suppress(OSError):
        with path.open(encoding="utf-8", errors="replace") as file:
            written_for_this = file.readline().rstrip("\n") == _heading(row)
        if written_for_this:
            path.unlink()
