"""The journal of a run: one line per event, kept until the report is complete."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .guarantees import Asked
from .report import Report, as_json
from .row import WORST, Row

JOURNAL = "report.jsonl"


class Gathered:
    """The rows that the journal of a run has so far, and the laws that are still to be judged."""

    def __init__(self, report: Report):
        self._report = report
        self._rows: dict[str, Row] = {}
        self._expected: dict[str, Row] = {}

    @classmethod
    def from_journal(cls, entries: Iterable[Mapping[str, Any]]) -> Gathered:
        """Return what a run that was killed had gathered; raises `KeyError` or `TypeError`."""
        gathered = cls(Report("", 0, finished=False))
        for entry in entries:
            gathered.take(entry)
        return gathered

    def take(self, entry: Mapping[str, Any]) -> None:
        """Add an entry; of two rows on one law and subject the worse one stands."""
        if "run" in entry:
            self._report = replace(self._report, **entry["run"])
        for fields in entry.get("expected", ()):
            self._expected[fields["id"]] = Row(**fields)
        self._report.left_out |= entry.get("left out", {})
        self._report.unusable |= entry.get("unusable", {})
        for name, fields in entry.get("asked", {}).items():
            self._report.asked[name] = Asked(**{key: tuple(each) for key, each in fields.items()})
        if "verdict" in entry:
            row = Row(**entry["verdict"])
            known = self._rows.get(row.id, row)  # by a test that judges the same
            if WORST.index(row.verdict) <= WORST.index(known.verdict):
                self._rows[row.id] = row

    def expects(self, id: str) -> bool:
        """Tell whether a row of this id is known to be due."""
        return id in self._expected

    @property
    def complete(self) -> bool:
        """Whether everything that was due has its verdict."""
        return self._expected.keys() <= self._rows.keys()

    @property
    def report(self) -> Report:
        """All that is known so far."""
        missing = [row for id, row in self._expected.items() if id not in self._rows]
        return replace(self._report, rows=[*self._rows.values(), *missing])


#: The fields of the first line, which describe the run.
OF_RUN = ("profile", "seed", "versions", "started", "shard")


class Journal:
    """A file of JSON lines that is only ever appended to."""

    def __init__(self, path: Path):
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
        #: Bytes that the disk had no room for yet; they may begin in the middle of a line.
        self._waiting = b""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write an entry as a line; raises `OSError` where the disk has no room."""
        self._waiting += f"{as_json(entry)}\n".encode()
        while self._waiting:
            written = os.write(self._file, self._waiting)
            self._waiting = self._waiting[written:]

    def close(self) -> None:
        """Close the file, which stays."""
        os.close(self._file)

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        self.path.unlink(missing_ok=True)


def journal_entries(text: str) -> Iterator[Any]:
    """Read the lines of a journal; the last one may be cut off, and is left out.

    Raises `ValueError` where another line is not JSON.
    """
    lines = text.splitlines()
    complete = lines if text.endswith("\n") else lines[:-1]
    yield from map(json.loads, complete)
