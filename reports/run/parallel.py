"""`frostproof verify -n N`: spreads the checks over N processes by pytest-xdist."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ...properties.plan.checks import Check
from ..results.row import Row
from .listener import Listener
from .recorder import Recorder
from .row_transport import Arrivals


def judge_in_parallel(
    items: Iterable[Check],
    workers: str,
    settings: dict[str, Any],
    recorder: Recorder,
    listener: Listener,
) -> None:
    """Judge checks in N processes (or `auto`), and record and tell what they find.

    `settings` is what each of them plans the same checks by.
    """
    rows = _Rows(recorder, listener, Counter(item.subject.name for item in items))
    with _without_other_plugins():
        pytest.main([*_UNDISTURBED, f"-n{workers}", _settings_option(settings), _SUITE], [rows])
    rows.end()


def _settings_option(settings: dict[str, Any]) -> str:
    return f"--frostproof-settings={json.dumps(settings)}"


_SUITE = str(Path(__file__).parents[2] / "properties" / "test_laws.py")
#: Options that keep out the settings, conftests and plugins of the current folder.
_UNDISTURBED = (
    "-c", os.devnull, "--rootdir", os.getcwd(), "--noconftest", "--import-mode=importlib",
    "-p", "no:cacheprovider", "-p", "no:terminal",
    "-p", "xdist.plugin", "-p", "frostproof.reports.pytest_plugin.plugin",
)  # fmt: skip
_NO_AUTOLOAD = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


class _Rows:
    """A pytest plugin of this one run: passes the rows on, subject by subject.

    Rows of one subject go on as they come. Rows of another one, which another process judges
    meanwhile, wait until that subject is done.
    """

    def __init__(self, recorder: Recorder, listener: Listener, expected: Counter[str]):
        self.recorder = recorder
        self.listener = listener
        self.arrivals = Arrivals()
        #: The number of rows of each subject that are still to come, and the rows that wait.
        self.expected = expected
        self.waiting: dict[str, list[Row]] = {}
        self.current: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if row := self.arrivals.row(report):
            self.recorder.records(row)
            self._pass_on(row)

    def end(self) -> None:
        """Pass on the rows that still wait for others."""
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
            self.listener.on_row(row)


@contextmanager
def _without_other_plugins() -> Iterator[None]:
    """Keep out the options and plugins that the environment adds to every run of pytest."""
    unset = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", _NO_AUTOLOAD)
    kept = {name: os.environ.pop(name) for name in unset if name in os.environ}
    os.environ[_NO_AUTOLOAD] = "1"
    try:
        yield
    finally:
        del os.environ[_NO_AUTOLOAD]
        os.environ.update(kept)
