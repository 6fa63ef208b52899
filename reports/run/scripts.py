"""The stand-alone scripts of a report's counterexamples, as files that a person can run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..results.array_files import with_arrays_in_files
from ..results.row import Row

#: Where scripts go when no folder is named for the report.
DEFAULT = Path(".frostproof") / "scripts"


def without_large_arrays(row: Row) -> Row:
    """Return a row to be printed: its large arrays lie in files, where these can be written."""
    try:
        return with_arrays_in_files(row, DEFAULT)
    except OSError:
        return row


def write_scripts(rows: Iterable[Row], folder: Path) -> dict[str, Path]:
    """Write the script of each promised failure and return the files, by the id of the row.

    A disk that is full, or a folder that cannot be made, leaves scripts out: the report has them.
    """
    written: dict[str, Path] = {}
    for row in rows:
        if not (row.fails and row.reproduce):
            continue
        name = re.sub(r"[^\w.-]+", "-", f"{Path(row.subject).name}-{row.law}").strip("-")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.py"
            reproduce = with_arrays_in_files(row, folder).reproduce or ""
            path.write_text(reproduce, encoding="utf-8", errors="backslashreplace")
        except OSError:
            return written
        written[row.id] = path
    return written
