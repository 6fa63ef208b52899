"""Large arrays of counterexamples: in files beside a report's scripts, and not in its text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...properties.scripts.literals import move_arrays_in, move_arrays_out
from ...reference.problems.batches import pack, unpack
from .row import Row

#: The folder of scripts in that of a report: their arrays lie beside them.
SCRIPTS = "scripts"
#: Packed arrays of fewer characters stay in the text.
_LARGE = 1000


def with_arrays_in_files(row: Row, folder: Path) -> Row:
    """Write the large arrays of a row to a folder, and return the row with their names.

    Raises `OSError`.
    """

    def keep(packed: str) -> str | None:
        if len(packed) < _LARGE:
            return None
        content = unpack(packed)
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.bin"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return name

    def stored(record: dict[str, Any]) -> dict[str, Any]:
        name = keep(record["packed"]) if "packed" in record else None
        return record if name is None else _renamed(record, "packed", "file", name)

    return _moved(row, stored, lambda source: move_arrays_out(source, keep))


def with_arrays_from_files(row: Row, folder: Path) -> Row:
    """Return a row with the arrays that lie in files of a folder; one that is gone stays away."""

    def find(name: str) -> str | None:
        # Only a name that we give: a report names no other file of this machine.
        path = folder / Path(name).name
        return pack(path.read_bytes()) if path.suffix == ".bin" and path.is_file() else None

    def read(record: dict[str, Any]) -> dict[str, Any]:
        packed = find(record["file"]) if "file" in record and "dtype" in record else None
        return record if packed is None else _renamed(record, "file", "packed", packed)

    return _moved(row, read, lambda source: move_arrays_in(source, find))


def _moved(row: Row, record: Callable[[Any], Any], script: Callable[[str], str]) -> Row:
    if row.counterexample is None:
        return row
    problems = _mapped(row.counterexample["problems"], record)
    reproduce = row.reproduce and script(row.reproduce)
    return replace(
        row, counterexample=row.counterexample | {"problems": problems}, reproduce=reproduce
    )


def _mapped(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        return change({key: _mapped(entry, change) for key, entry in value.items()})
    return [_mapped(entry, change) for entry in value] if isinstance(value, list) else value


def _renamed(record: dict[str, Any], old: str, new: str, value: str) -> dict[str, Any]:
    return {key: entry for key, entry in record.items() if key != old} | {new: value}
