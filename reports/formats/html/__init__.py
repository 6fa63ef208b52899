"""A report as one HTML page."""

from ..registry import register
from .kills import read_kills
from .page import page

register("report.html", lambda report, folder: page(report, read_kills(folder)))
