"""The file of a report, which is replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

REPORT = "report.json"


def replace_file(path: Path, text: str) -> None:
    """Put a text in the place of a file, which is the old one or the new one at any moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # What a subject wrote may hold half a surrogate pair, which has no bytes.
        beside.write_bytes(text.encode(errors="backslashreplace"))
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
