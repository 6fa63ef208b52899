"""Replaces a file of a report as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

REPORT = "report.json"


def make_folder(folder: Path) -> None:
    """Make the report's folder before the run, whose results would be lost without it.

    Raises `ValueError`, which names `--report`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{error.strerror}: the folder cannot be made"
        raise ValueError(f"--report {folder}: {reason}") from None


def replace_file(path: Path, text: str) -> None:
    """Write a text to a file, which holds the old text or the new one at any moment.

    Raises `OSError` with the name of the file, and leaves the old file then.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # What a subject wrote may hold half a surrogate pair, which has no bytes.
        beside.write_bytes(text.encode(errors="backslashreplace"))
        os.replace(beside, path)
    except BaseException as error:
        if isinstance(error, OSError):  # a full disk names none, and `beside` is not what is known
            error.filename = str(path)
        beside.unlink(missing_ok=True)
        raise
