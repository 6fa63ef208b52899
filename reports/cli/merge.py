"""`frostproof merge`: writes the parts of one run as one report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..formats.files import write_report
from ..results.merging import merge
from ..results.reading import read_report
from ..results.report import Report


def write_merged(folders: Iterable[Path], into: Path) -> Report:
    """Merge the reports of some folders into another folder; raises a `ValueError`."""
    merged = merge([read_report(folder) for folder in folders])
    try:
        write_report(merged, into)
    except OSError as error:
        raise ValueError(f"-o {into}: {error.strerror}: it cannot be written") from None
    return merged
