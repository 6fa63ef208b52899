"""Gathers the rows of a run as they happen, and keeps its report on disk while it runs.

Each row is appended to a journal at once. Beside it lies a valid report.json, which says what is
still to be judged: replaced as a whole, now and then, so that a run that is killed leaves what it
found, and what it did not reach. At the end all files are written and the journal is gone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..formats.files import FILES, REPORT, replace_file, write_report
from ..results.report import WORST, Report, Row, as_json

JOURNAL = "report.jsonl"
#: The part of a run's time that keeping report.json up to date may take.
_SHARE = 0.05


class Recorder:
    """The rows of one run, and what it is still to judge; on disk where there is a folder.

    A disk that is full costs no verdict: what could not be written is tried again with the next
    row and at the end, and `Report.unwritten` says so if it is in vain.
    """

    def __init__(self, profile: str, seed: int, folder: Path | None = None):
        """Begin a report, and its files.

        Raises `OSError` where even an empty report cannot be written.
        """
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._report = Report(profile, seed, started=started, finished=False)
        self._rows: dict[str, Row] = {}
        self._expected: dict[str, Row] = {}
        self._folder = folder
        self._began = time.monotonic()
        self._spent = 0.0
        self._journal: _Journal | None = None
        if folder is not None:
            for name in FILES:
                (folder / name).unlink(missing_ok=True)  # an earlier run's, which knows nothing
            self._journal = _Journal(folder / JOURNAL)
            self._journal.append({"run": {name: vars(self._report)[name] for name in _OF_RUN}})
            self._keep()

    @classmethod
    def of_journal(cls, entries: Iterable[Mapping[str, Any]]) -> Recorder:
        """Return what a run that was killed had gathered; raises `KeyError` or `TypeError`."""
        recorder = cls("", 0)
        for entry in entries:
            recorder._take(entry)
        return recorder

    def expects(self, rows: Iterable[Row]) -> None:
        """Know which laws are to be judged: rows that say there is no verdict, if none comes."""
        self._note({"expected": [vars(row) for row in rows if row.id not in self._expected]})

    def leaves_out(self, reason: str, count: int) -> None:
        """Know how many laws never become a row."""
        if count:
            self._note({"left out": {reason: count}})

    def records(self, row: Row) -> None:
        """Keep a row: on disk before this returns, unless the disk is full."""
        self._note({"verdict": vars(row)})

    @property
    def report(self) -> Report:
        """All that is known so far."""
        missing = [row for id, row in self._expected.items() if id not in self._rows]
        return replace(self._report, rows=[*self._rows.values(), *missing])

    def close(self) -> Report:
        """End the run, write all files, and return the report."""
        report = replace(self.report, finished=self._expected.keys() <= self._rows.keys())
        if self._folder is None or self._journal is None:
            return report
        try:
            write_report(report, self._folder)
        except OSError as error:
            report.unwritten = f"{self._folder}: {error.strerror}: its report is not complete"
        else:
            self._journal.remove()
        return report

    def _note(self, entry: Mapping[str, Any]) -> None:
        self._take(entry)
        if self._journal is not None:
            try:
                self._journal.append(entry)
                elapsed = time.monotonic() - self._began
                if "expected" in entry or self._spent <= _SHARE * elapsed:
                    self._keep()
            except OSError:
                return  # there may be room again before the end

    def _take(self, entry: Mapping[str, Any]) -> None:
        if "run" in entry:
            self._report = replace(self._report, **entry["run"])
        for fields in entry.get("expected", ()):
            self._expected[fields["id"]] = Row(**fields)
        self._report.left_out |= entry.get("left out", {})
        if "verdict" in entry:
            row = Row(**entry["verdict"])
            known = self._rows.get(row.id, row)  # by a test that judges the same
            if WORST.index(row.verdict) <= WORST.index(known.verdict):
                self._rows[row.id] = row

    def _keep(self) -> None:
        """Bring report.json up to date."""
        assert self._folder is not None
        began = time.monotonic()
        replace_file(self._folder / REPORT, self.report.to_json())
        self._spent += time.monotonic() - began


#: What a journal says of its run in its first line.
_OF_RUN = ("profile", "seed", "versions", "started")


class _Journal:
    """A file of JSON lines that is only ever appended to."""

    def __init__(self, path: Path):
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
        #: What the disk had no room for yet, perhaps from the middle of a line.
        self._waiting = b""

    def append(self, entry: Mapping[str, Any]) -> None:
        self._waiting += f"{as_json(entry)}\n".encode()
        while self._waiting:
            written = os.write(self._file, self._waiting)
            self._waiting = self._waiting[written:]

    def remove(self) -> None:
        os.close(self._file)
        self.path.unlink(missing_ok=True)


def journal_entries(text: str) -> Iterator[Any]:
    """Read the lines of a journal; the last one may be cut off, and is left out.

    Raises `ValueError` where any other is no JSON.
    """
    lines = text.splitlines()
    complete = lines if text.endswith("\n") else lines[:-1]
    yield from map(json.loads, complete)
