"""The pytest plugin: `--subject`, one item a law and subject, rows that survive xdist.

It is loaded into every pytest run of its environment: it registers little and imports no JAX.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..properties.agenda import Item
    from .pytest_session import Session

PROPERTIES = Path(__file__).parents[1] / "properties"

_SESSION = pytest.StashKey["Session"]()
#: What all problems of the run are drawn from, where the profile fixes no seed.
_SEED = pytest.StashKey[int]()


class Hooks:
    """Hooks that a conftest may implement."""

    @pytest.hookspec
    def pytest_frostproof_subjects(self, config: pytest.Config) -> Any:
        """Return subjects to judge where no `--subject` is given: objects of the four kinds."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hooks known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, under a longer name where another plugin owns the short one."""
    group = parser.getgroup("frostproof")
    _add(group, "subject", action="append", metavar="TARGET", help="judge TARGET by the law book")
    _add(group, "as", metavar="KIND", help="the kind of the subjects: linen, nnx, optax, trainer")
    _add(group, "report", metavar="DIR", help="write frostproof's report.json and report.md")
    group.addoption("--frostproof-terms", help="(internal) the terms of `frostproof verify -n`")


def _add(group: Any, name: str, **settings: Any) -> None:
    destination = f"frostproof_{name}"
    group.addoption(f"--frostproof-{name}", dest=destination, **settings)
    try:
        group.addoption(f"--{name}", dest=destination, **settings)
    except ValueError:  # another plugin's
        return


def pytest_configure(config: pytest.Config) -> None:
    """Load the subjects that were named; with no other path given, collect their laws only."""
    worker = getattr(config, "workerinput", None)
    config.stash[_SEED] = worker["frostproof_seed"] if worker else secrets.randbits(32)
    config.pluginmanager.register(Rows(config), "frostproof-rows")
    targets = config.getoption("frostproof_subject")
    if config.getoption("frostproof_terms"):
        _session(config)
    if not targets:
        return
    if worker:
        _session(config).adopt(worker["frostproof_kinds"])
    else:
        try:
            _session(config).load(targets, config.getoption("frostproof_as"))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(PROPERTIES / "test_laws.py")]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand an xdist worker what the controller drew and loaded, so that all collect the same."""
    node.workerinput["frostproof_seed"] = node.config.stash[_SEED]
    if _SESSION in node.config.stash:
        node.workerinput["frostproof_kinds"] = node.config.stash[_SESSION].kinds()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the laws of one subject in one process, where they share its compiled programs."""
    session = config.stash.get(_SESSION, None)
    if session is None or len(session.subjects) < 2 or config.getoption("dist") != "load":
        return None
    from .pytest_scheduling import BySubject

    return BySubject(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item of every law that applies to a subject."""
    if "frostproof_item" not in metafunc.fixturenames:
        return
    session = _session(metafunc.config)
    if not metafunc.config.getoption("frostproof_subject"):
        found = metafunc.config.hook.pytest_frostproof_subjects(config=metafunc.config)
        session.add_objects(value for values in found for value in values)
    items = session.items()
    ids = [f"{item.subject.name}-{item.law.id}" for item in items]
    metafunc.parametrize("frostproof_item", items, ids=ids)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of the suite itself to its own checkout."""
    return True if collection_path == PROPERTIES / "meta" and config.getoption("pyargs") else None


@pytest.fixture
def frostproof_judge(request: pytest.FixtureRequest) -> Any:
    """Judge an item, and pass, skip or fail by its verdict."""
    session = _session(request.config)

    def judge(item: Item) -> None:
        session.judge(item)

    return judge


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Attach the row to the report, which xdist carries from worker to controller."""
    report = yield
    laws = sys.modules.get("frostproof.reports.pytest_laws")  # only where a law has run
    if laws is not None and call.when == "call" and (row := laws.take_row()) is not None:
        report.frostproof_row = json.dumps(asdict(row))  # type: ignore[attr-defined]
    return report


class Rows:
    """Gathers the rows of all workers where the run is controlled, and writes the report."""

    def __init__(self, config: pytest.Config):
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a row as soon as its item is done."""
        row = getattr(report, "frostproof_row", None)
        if row is not None and not hasattr(self.config, "workerinput"):
            _session(self.config).add_row(json.loads(row))

    def pytest_sessionfinish(self) -> None:
        """Write the report, if there is anything to write."""
        if _SESSION in self.config.stash and not hasattr(self.config, "workerinput"):
            self.config.stash[_SESSION].write(self.config.getoption("frostproof_report"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how much ran: a green run that ran nothing is no good news."""
        if _SESSION in self.config.stash:
            terminalreporter.write_line(self.config.stash[_SESSION].closing_line())


def _session(config: pytest.Config) -> Session:
    """Return the session, made when something is first judged."""
    if _SESSION not in config.stash:
        from .pytest_session import Session

        config.stash[_SESSION] = session = Session(
            config.stash[_SEED], config.getoption("frostproof_terms")
        )
        config.add_cleanup(session.close)
    return config.stash[_SESSION]
