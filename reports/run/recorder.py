"""Records the rows of a run, and keeps its report on disk while it runs.

Each row is appended to a journal at once. Beside the journal lies a valid report.json, which is
replaced as a whole now and then: a run that is killed leaves what it found and what it did not
reach. At the end all files are written and the journal is removed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..formats.files import FILES, write_report
from ..results.guarantees import Asked
from ..results.journal import JOURNAL, OF_RUN, Gathered, Journal
from ..results.report import Report, versions
from ..results.report_file import REPORT, replace_file
from ..results.row import Row

#: The part of a run's time that keeping report.json up to date may take.
_SHARE = 0.05


class Recorder:
    """Keeps the rows of one run and the laws that are still to be judged, on disk if wanted.

    A full disk costs no verdict: a failed write is tried again with the next row and at the end.
    `Report.unwritten` tells if it never succeeded.
    """

    def __init__(
        self,
        profile: str,
        seed: int,
        folder: Path | None = None,
        shard: str | None = None,
        found_on: Mapping[str, str] = MappingProxyType({}),
    ):
        """Begin a report.

        Args:
            profile: the name of the profile.
            seed: the seed that all problems are drawn from.
            folder: an existing folder to write to; None keeps the report in memory.
            shard: the part of the laws that this run judges, such as "2/4".
            found_on: what the report names beside the versions, such as the device.

        Raises:
            OSError: where even an empty report cannot be written.
        """
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        report = Report(
            profile,
            seed,
            versions=versions() | dict(found_on),
            started=started,
            finished=False,
            shard=shard,
        )
        self._gathered = Gathered(report)
        self._folder = folder
        self._began = time.monotonic()
        self._spent = 0.0
        self._journal: Journal | None = None
        if folder is not None:
            for name in FILES:
                (folder / name).unlink(missing_ok=True)  # a file of an earlier run
            self._journal = Journal(folder / JOURNAL)
            self._journal.append({"run": {name: vars(report)[name] for name in OF_RUN}})
            self._keep()

    def expects(self, rows: Iterable[Row]) -> None:
        """Plan the laws to judge: each row stands, as not run, until its verdict comes."""
        self._note({"expected": [vars(row) for row in rows if not self._gathered.expects(row.id)]})

    def leaves_out(self, reason: str, count: int) -> None:
        """Count laws that never become a row, under the reason."""
        if count:
            self._note({"left out": {reason: count}})

    def cannot_judge(self, reasons: Mapping[str, int]) -> None:
        """Count subjects that cannot be judged, by reason."""
        self._note({"unusable": dict(reasons)})

    def is_asked(self, asked: Mapping[str, Asked]) -> None:
        """Know what the run is asked about each subject, beyond the rows."""
        self._note({"asked": {name: each.to_json() for name, each in asked.items()}})

    def records(self, row: Row) -> None:
        """Keep a row. It is on disk when this returns, unless the disk is full."""
        self._note({"verdict": vars(row)})

    @property
    def report(self) -> Report:
        """The report as it stands now."""
        return self._gathered.report

    def close(self) -> Report:
        """End the run, write all files, and return the report."""
        report = replace(self.report, finished=self._gathered.complete)
        if self._folder is None or self._journal is None:
            return report
        try:
            write_report(report, self._folder)
        except OSError as error:
            report.unwritten = f"{self._folder}: {error.strerror}: the report there is not complete"
        else:
            self._journal.remove()
        return report

    def _note(self, entry: Mapping[str, Any]) -> None:
        self._gathered.take(entry)
        if self._journal is not None:
            try:
                self._journal.append(entry)
                elapsed = time.monotonic() - self._began
                if "expected" in entry or self._spent <= _SHARE * elapsed:
                    self._keep()
            except OSError:
                return  # there may be room again before the end

    def _keep(self) -> None:
        """Bring report.json up to date."""
        assert self._folder is not None
        began = time.monotonic()
        replace_file(self._folder / REPORT, self.report.to_json())
        self._spent += time.monotonic() - began
