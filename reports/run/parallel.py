"""`frostproof verify -n N`: the same items, spread over N processes by pytest-xdist."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ...properties.plan.checks import plan_checks
from ...properties.plan.run_settings import RunSettings
from ...properties.processes.judging import Judging
from ...reference.subjects.targets import REFERENCES
from ..results.report import Report
from ..results.row import Row
from .recorder import Recorder
from .row_transport import Arrivals
from .verify import Listener, begin, make_folder


def verify_in_parallel(targets: Sequence[str], workers: str, settings: dict[str, Any]) -> Report:
    """Judge targets as `verify` does, with the same settings, in N processes (or `auto`).

    Raises the same `ValueError`s before anything runs. Verdicts come in the order in which the
    processes reach them.
    """
    if not (workers == "auto" or (workers.isdigit() and int(workers) > 0)):
        raise ValueError(f"-n must be a number of processes or auto, got {workers!r}")
    names = ("max_examples", "seed", "timeout")
    run = RunSettings.of(
        **{name: settings[name] for name in names if settings.get(name) is not None}
    )
    folder = None if settings["report"] is None else Path(settings["report"])
    if folder is not None:
        make_folder(folder)
    targets = targets or REFERENCES
    with Judging(run) as judge:  # until the end: they all come to the nursery of this process
        known = [judge.subject(target, settings["kind"]) for target in targets]
        judge.rest()
        items, left_out = plan_checks(known, settings["laws"], settings["promise"])
        recorder = begin(run, folder)
        recorder.leaves_out("left out by --laws", len(left_out))
        recorder.expects(map(Row.unreached, items))
        listener: Listener = settings["listener"]
        listener.starts(recorder.report)
        handed_on = {
            "max_examples": settings.get("max_examples"),
            "seed": run.seed,
            "timeout": run.timeout,
            "laws": list(settings["laws"]),
            "promise": list(settings["promise"]),
            "subjects": [subject.to_wire() for subject in known],
        }
        rows = _Rows(recorder, listener, Counter(item.subject.name for item in items))
        try:
            with _without_other_plugins():
                arguments = [*_UNDISTURBED, f"-n{workers}", _settings_option(handed_on), _SUITE]
                pytest.main(arguments, [rows])
            rows.end()
        finally:
            found = recorder.close()
    return found


def _settings_option(settings: dict[str, Any]) -> str:
    return f"--frostproof-settings={json.dumps(settings)}"


_SUITE = str(Path(__file__).parents[2] / "properties" / "test_laws.py")
#: No setting, conftest or plugin of the folder that we happen to stand in.
_UNDISTURBED = (
    "-c", os.devnull, "--rootdir", os.getcwd(), "--noconftest", "--import-mode=importlib",
    "-p", "no:cacheprovider", "-p", "no:terminal",
    "-p", "xdist.plugin", "-p", "frostproof.reports.pytest_plugin.plugin",
)  # fmt: skip
_NO_AUTOLOAD = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


class _Rows:
    """A pytest plugin of this one run: passes the rows on, subject by subject.

    Those of one subject as they come; of others, which another process judges meanwhile, when that
    one is done.
    """

    def __init__(self, recorder: Recorder, listener: Listener, expected: Counter[str]):
        self.recorder = recorder
        self.listener = listener
        self.arrivals = Arrivals()
        #: How many rows of each subject are still to come, and those that wait.
        self.expected = expected
        self.waiting: dict[str, list[Row]] = {}
        self.current: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if row := self.arrivals.row(report):
            self.recorder.records(row)
            self._pass_on(row)

    def end(self) -> None:
        """Pass on what waits for others that never came."""
        for rows in self.waiting.values():
            self._show(rows)

    def _pass_on(self, row: Row) -> None:
        self.expected[row.subject] -= 1
        self.waiting.setdefault(row.subject, []).append(row)
        while True:
            self.current = self.current or next(iter(self.waiting), None)
            if self.current is None:
                return
            self._show(self.waiting.pop(self.current, []))
            if self.expected[self.current] > 0:
                return
            self.current = None

    def _show(self, rows: list[Row]) -> None:
        for row in rows:
            self.listener.finds(row)


@contextmanager
def _without_other_plugins() -> Iterator[None]:
    """Keep out what the environment adds to any run of pytest."""
    unset = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", _NO_AUTOLOAD)
    kept = {name: os.environ.pop(name) for name in unset if name in os.environ}
    os.environ[_NO_AUTOLOAD] = "1"
    try:
        yield
    finally:
        del os.environ[_NO_AUTOLOAD]
        os.environ.update(kept)
