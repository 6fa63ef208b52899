"""The stand-alone scripts of a report's counterexamples, as files that a person can run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..results.row import Row

#: Where scripts go when no folder is named for the report.
DEFAULT = Path(".frostproof") / "scripts"


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
            path.write_text(row.reproduce, encoding="utf-8", errors="backslashreplace")
        except OSError:
            return written
        written[row.id] = path
    return written
