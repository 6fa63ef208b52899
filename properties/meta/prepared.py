"""Rows and reports made by hand, and a full disk, for tests of what is done with reports."""

import resource
from collections import Counter
from contextlib import contextmanager

from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row

SUBJECT = "train.py:step"
VERSIONS = {"python": "3.11.7", "frostproof": "0.1.0", "jax": "0.10.2", "optax": "0.2.8"}


def row(law, verdict="held", *, subject=SUBJECT, promised=True, examples=10, reason=None):
    """One row as a run would write it."""
    found = None
    if verdict == "refuted":
        found = {"law": "a law", "message": "it moved", "problems": [{"seed": 0}], "facts": {}}
    if verdict not in ("held", "proved"):
        reason = reason or f"{law} is {verdict}"
    return Row(
        f"{subject}::{law}",
        subject,
        law,
        "value",
        promised,
        verdict,
        examples,
        reason,
        found,
        "assert False\n" if found else None,
    )


def report(*rows, left_out=0, optax="0.2.8", seed=0, **fields):
    """A report of these rows; one that is only a law and a verdict is filled in."""
    rows = [row(*each) if isinstance(each, tuple) else each for each in rows]
    reasons = Counter({"left out by --laws": left_out} if left_out else {})
    return Report("ci", seed, rows, reasons, VERSIONS | {"optax": optax}, **fields)


def written(folder, *rows, **fields):
    """Leave such a report in a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report(*rows, **fields).to_json())
    return folder


@contextmanager
def no_file_larger_than(size):
    """Have the system refuse to write more, in the middle of a write, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
