"""`frostproof merge`: merges the parts of one run into one report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..formats.files import write_report
from ..results.merging import merge
from ..results.reading import read_report
from ..results.report import Report


def write_merged(folders: Iterable[Path], into: Path) -> Report:
    """Merge reports, and write the result.

    Args:
        folders: the folders of the parts.
        into: the folder to write; it is made if it does not exist.

    Raises:
        ValueError: for a report that cannot be read, or a folder that cannot be written.
    """
    merged = merge([read_report(folder) for folder in folders])
    try:
        write_report(merged, into)
    except OSError as error:
        raise ValueError(f"-o {into}: {error.strerror}: the report cannot be written") from None
    return merged
