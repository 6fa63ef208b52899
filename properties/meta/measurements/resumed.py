"""The file of rows that a measurement leaves, a JSON object a line, so that it can go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of an earlier run, of none at first; a line that was cut off is left out."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def going_on(path: Path) -> TextIO:
    """Open the file for further rows, which begin behind a line that was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    file = path.open("a", encoding="utf-8")
    if cut_off:
        file.write("\n")
    return file
