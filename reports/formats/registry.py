"""The register of report formats: each module of this package registers the writer of one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ..results.report import Report

#: Makes the text of a file from a report, and from what else lies in the report's folder.
Writer = Callable[[Report, Path], str]

_writers: dict[str, Writer] = {}
#: The registered writers by the names of their files.
WRITERS: Mapping[str, Writer] = MappingProxyType(_writers)


def register(file: str, writer: Writer) -> None:
    """Register the writer of a file.

    Args:
        file: the name of the file in the report's folder, such as "junit.xml".
        writer: returns the text of the file; it gets the report and the folder.

    Raises:
        ValueError: for a file that has a writer already.
    """
    if file in _writers:
        raise ValueError(f"{file} has a writer already: a format needs another file name")
    _writers[file] = writer
