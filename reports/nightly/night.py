"""A night: each cell of its matrix, compared with the last night that this cell had.

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
    """One environment of a night: the reports of its parts, and what failed."""

    name: str
    #: Merged from all parts that left a report.
    report: Report | None
    #: Parts that failed as a whole, with the reason.
    failures: Mapping[str, str]
    #: The comparison with the last complete night; in the first night, with an empty report.
    comparison: Comparison | None

    @property
    def regressed(self) -> list[Change]:
        """Promised laws that fail or are lost now, and were not in the last night.

        The laws of a part that failed as a whole are not named one by one.
        """
        alarms = self.comparison.alarms if self.comparison else []
        return [each for each in alarms if not self.failures or (each.after and each.after.fails)]

    @property
    def still_failing(self) -> list[Change]:
        """Promised laws that failed in the last night too, without an excuse in the baseline."""
        failing = self.comparison.of_kind("failing") if self.comparison else []
        return [each for each in failing if each.promised and not each.excused and not each.alarms]

    @property
    def unusable(self) -> list[str]:
        """Why subjects cannot be judged that could be in the last night."""
        return self.comparison.unusable if self.comparison else []

    @property
    def still_unusable(self) -> list[str]:
        """Why the subjects cannot be judged that could not be in the last night."""
        return self.comparison.still_unusable if self.comparison else []

    @property
    def news(self) -> bool:
        """Whether something failed that did not fail in the last night."""
        return bool(self.regressed or self.failures or self.unusable)

    @property
    def still_red(self) -> bool:
        """Whether something fails as it did in the last night."""
        return bool(self.still_failing or self.still_unusable)

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
        """Whether the night needs an issue: it has a failure that the last night did not have."""
        return any(cell.news for cell in self.cells)

    @property
    def exit_status(self) -> int:
        """0 where every promised law holds or is excused and everything ran, else 1."""
        return 1 if self.news or any(cell.still_red for cell in self.cells) else 0

    @property
    def report(self) -> Report | None:
        """One report of all cells; None where no cell has any."""
        found = [cell.report for cell in self.cells if cell.report]
        return merge(found) if found else None


def read_night(
    night: Path, history: Path, expected: Mapping[str, Sequence[str]], baseline: Baseline
) -> Night:
    """Read the parts of a night, and compare each cell with the history.

    Args:
        night: the folder NIGHT, with CELL/PART/report.json below it.
        history: the folder HISTORY, with CELL/report.json below it.
        expected: the cells that have to be there, with their parts; others are read as well.
        baseline: known failures.

    Raises:
        UnreadableReport: where the history cannot be read.
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

    A cell that did not run to its end keeps the report of an earlier night: a law that it lost
    stays lost until it is judged again.
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
            failures[part] = "the part ended before all laws were judged"
        elif not any(row.verdict != "not-run" for row in report.rows):
            failures[part] = "the part ran no law"
    last = read_report(history) if history.is_dir() else None
    if not reports:
        return Cell(folder.name, None, failures, None)
    tonight = merge(reports)
    before = last or Report(tonight.profile, tonight.seed, versions=tonight.versions)
    return Cell(folder.name, tonight, failures, compare(before, tonight, baseline))
