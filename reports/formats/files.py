"""Writes a report in all of its formats, each file as a whole or not at all."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from ..results.array_files import SCRIPTS, with_arrays_in_files
from ..results.report import Report
from ..results.report_file import REPORT, replace_file
from .registry import WRITERS

# A format registers its writer when its module is imported.
for _module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    if _module.name != Path(__file__).stem:
        import_module(f".{_module.name}", __package__)

#: The files that a folder holds after a run; report.json first, since the others can be made of it.
FILES = tuple(sorted(WRITERS, key=lambda file: (file != REPORT, file)))


def write_report(report: Report, folder: Path) -> None:
    """Write all files of a report to a folder.

    Args:
        report: the report of a whole run, or of its part so far.
        folder: where to write; it is made if it does not exist.

    Raises:
        OSError: where a file cannot be written; the files before it are complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moved = [with_arrays_in_files(row, folder / SCRIPTS) for row in report.rows]
    report = replace(report, rows=moved)
    for file in FILES:
        replace_file(folder / file, WRITERS[file](report, folder))
