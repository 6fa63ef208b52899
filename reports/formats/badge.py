"""A badge: JSON for the endpoint of shields.io, which draws it for a README."""

from __future__ import annotations

import json

from ..results.report import Report
from .registry import register
from .wording import conclusion


def badge(report: Report) -> str:
    """Return the answer that shields.io expects of an endpoint: label, message and colour."""
    held = sum(row.verdict in ("held", "proved") for row in report.rows)
    if report.exit_status == 0:
        message, colour = f"{held} law{'s' * (held != 1)} held", "brightgreen"
    else:
        message, colour = conclusion(report), "red" if report.exit_status == 1 else "lightgrey"
    content = {"schemaVersion": 1, "label": "frostproof", "message": message, "color": colour}
    return json.dumps(content) + "\n"


register("badge.json", lambda report, folder: badge(report))
