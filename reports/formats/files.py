"""Writes a report in all of its formats, each file as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ..results.report import Report
from ..results.report_file import REPORT, replace_file
from .badge import badge
from .html.kills import read_kills
from .html.page import page
from .junit import junit
from .markdown import markdown

#: What a folder holds after a run: report.json first, which the others are made of.
FILES = (REPORT, "report.html", "report.md", "junit.xml", "badge.json")


def write_report(report: Report, folder: Path) -> None:
    """Leave all files of a report in a folder, which is made if it is not there.

    Raises `OSError`, with what was written before as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def whole_page(report: Report) -> str:
        return page(report, read_kills(folder))

    writers = (Report.to_json, whole_page, markdown, junit, badge)
    for name, write in zip(FILES, writers, strict=True):
        replace_file(folder / name, write(report))
