"""What a night amounts to: each cell of its matrix, compared with the last night that it had.

A night is a folder with a report for each part of each cell: NIGHT/CELL/PART/report.json. A cell is
an environment, such as Python 3.11 with the oldest releases; a part is some of the subjects. The
history is a folder with the last complete report of each cell: HISTORY/CELL/report.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..comparison.baseline import Baseline
from ..comparison.compare import Change, Comparison, compare
from ..results.merging import merge
from ..results.reading import UnreadableReport, read_report
from ..results.report import Report
from ..results.report_file import REPORT, replace_file


@dataclass(frozen=True)
class Cell:
    """One environment of a night: what its parts found, and what is wrong with that."""

    name: str
    #: Of all parts that left one.
    report: Report | None
    #: Parts that did not do what they were to do, with the reason.
    failures: Mapping[str, str]
    #: With the last complete night, or with nothing in the first one.
    comparison: Comparison | None

    @property
    def regressed(self) -> list[Change]:
        """Promised laws that fail or are lost, and were not in the last night.

        Of a part that failed as a whole its laws are not named one by one.
        """
        alarms = self.comparison.alarms if self.comparison else []
        return [each for each in alarms if not self.failures or (each.after and each.after.fails)]

    @property
    def still_failing(self) -> list[Change]:
        """Promised laws that failed in the last night too, and that no baseline excuses."""
        failing = self.comparison.of_kind("failing") if self.comparison else []
        return [each for each in failing if each.promised and not each.excused and not each.alarms]

    @property
    def complete(self) -> bool:
        """Whether the next night can be compared with this one."""
        return self.report is not None and not self.failures


@dataclass(frozen=True)
class Night:
    """All cells of a night."""

    cells: tuple[Cell, ...]

    @property
    def news(self) -> bool:
        """Whether there is something that was not there in the last night, for an issue."""
        return any(cell.regressed or cell.failures for cell in self.cells)

    @property
    def exit_status(self) -> int:
        """1 until every promised law that ever failed is fixed or excused, and all was run."""
        return 1 if self.news or any(cell.still_failing for cell in self.cells) else 0

    @property
    def report(self) -> Report | None:
        """One report of all cells, where there is any."""
        found = [cell.report for cell in self.cells if cell.report]
        return merge(found) if found else None


def read_night(
    night: Path, history: Path, expected: Mapping[str, Sequence[str]], baseline: Baseline
) -> Night:
    """Read the parts of a night, and compare each cell with the history.

    `expected` names the cells with their parts: one that is not there did not run. Cells and parts
    that nobody expects are read as well.

    Raises `UnreadableReport` where the history cannot be read.
    """
    found = {cell.name for cell in night.iterdir() if cell.is_dir()} if night.is_dir() else set()
    found = {name for name in found if any((night / name).glob(f"*/{REPORT}*"))}
    names = sorted(found | set(expected))
    return Night(
        tuple(
            _cell(night / name, history / name, expected.get(name, ()), baseline) for name in names
        )
    )


def remember(night: Night, history: Path) -> None:
    """Put complete cells into the history; raises `OSError`.

    One that did not run to its end keeps the report of an earlier night: what it lost stays lost
    until it is there again.
    """
    for cell in night.cells:
        if cell.complete and cell.report is not None:
            (history / cell.name).mkdir(parents=True, exist_ok=True)
            replace_file(history / cell.name / REPORT, cell.report.to_json())


def _cell(folder: Path, history: Path, expected: Sequence[str], baseline: Baseline) -> Cell:
    there = {part.name for part in folder.iterdir() if part.is_dir()} if folder.is_dir() else set()
    reports: list[Report] = []
    failures: dict[str, str] = {}
    for part in sorted(there | set(expected)):
        try:
            report = read_report(folder / part)
        except UnreadableReport as error:
            failures[part] = f"no report: {error}"
            continue
        reports.append(report)
        if not report.finished:
            failures[part] = "it ended before all was judged"
        elif not any(row.verdict != "not-run" for row in report.rows):
            failures[part] = "it ran no law"
    last = read_report(history) if history.is_dir() else None
    if not reports:
        return Cell(folder.name, None, failures, None)
    tonight = merge(reports)
    before = last or Report(tonight.profile, tonight.seed, versions=tonight.versions)
    return Cell(folder.name, tonight, failures, compare(before, tonight, baseline))
