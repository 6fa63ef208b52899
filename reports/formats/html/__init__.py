"""A report as one HTML page."""

from ...results.report_file import REPORT
from ..registry import register
from .kills import read_kills
from .page import page

register(
    "report.html",
    lambda report, folder: page(report, read_kills(folder), (folder / REPORT).as_posix()),
)
