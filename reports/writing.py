"""Writes a report in all of its formats, each file as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from .report import Report

REPORT = "report.json"
#: What a folder holds after a run: report.json first, which the others are made of.
FILES = (REPORT, "report.md")


def write_report(report: Report, folder: Path) -> None:
    """Leave all files of a report in a folder, which is made if it is not there.

    Raises `OSError`, with what was written before as it is.
    """
    from .markdown import markdown

    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / REPORT, report.to_json())
    replace_file(folder / "report.md", markdown(report))


def replace_file(path: Path, text: str) -> None:
    """Put a text in the place of a file, which is the old one or the new one at any moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
