"""A report as JSON, for programs: the format that all other files are made from."""

from ..results.report import Report
from ..results.report_file import REPORT
from .registry import register


def json(report: Report) -> str:
    """Return the report as `results/report.schema.json` describes it."""
    return report.to_json()


register(REPORT, lambda report, folder: json(report))
