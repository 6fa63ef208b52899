"""The files that a night leaves: its report, its summary, and an issue where something is new."""

from pathlib import Path

from ..formats.files import write_report
from ..results.report_file import replace_file
from .night import Night
from .text import issue, summary


def write_night(night: Night, folder: Path) -> None:
    """Write the files of a night; raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    if night.report is not None:
        write_report(night.report, folder)
    replace_file(folder / "summary.md", summary(night))
    (folder / "issue.md").unlink(missing_ok=True)
    if night.news:
        replace_file(folder / "issue.md", issue(night))
