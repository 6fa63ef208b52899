"""The pytest plugin: `--subject`, one item per law and subject, rows that survive xdist.

Every pytest run of the environment loads it: it registers little and imports no JAX.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Generator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..run.row_transport import Arrivals
    from .laws import BoundLaw
    from .session import Session

SUITE = Path(__file__).parents[2] / "properties" / "test_laws.py"
OUR_CONFTEST = str(Path(__file__).parents[2] / "conftest.py")

_SESSION = pytest.StashKey["Session"]()
#: The seed of the run, where the profile fixes none.
_SEED = pytest.StashKey[int]()

#: Options that answer to `--frostproof-NAME`, and to `--NAME` where nobody else has that.
_OPTIONS: dict[str, dict[str, Any]] = {
    "subject": {"action": "append", "metavar": "TARGET", "help": "judge TARGET by the law book"},
    "as": {"metavar": "KIND", "help": "the kind of the subjects: linen, nnx, optax, trainer"},
    "report": {
        "metavar": "DIR",
        "help": "write the report in all formats: report.html, report.json and others",
    },
}
#: Options that ask for something to be judged, or reported.
_ASKING = ("frostproof_subject", "frostproof_report", "frostproof_settings", "frostproof_shard")
#: Options that answer to their long names alone, since other plugins have shards, too.
_LONG_OPTIONS: dict[str, dict[str, Any]] = {
    "shard": {"metavar": "I/N", "help": "judge part I of the laws, in N parts"},
    "balance": {"metavar": "REPORT", "help": "even out the shards by an earlier run"},
}
#: All of them as they may be typed before a value.
_VALUED = frozenset(
    f"--{prefix}{name}" for name in (*_OPTIONS, *_LONG_OPTIONS) for prefix in ("", "frostproof-")
)
#: Marks of pytest by which a test is not an error where its subject cannot be judged.
_EXCUSES = ("skip", "xfail")


class Hooks:
    """Hooks that a conftest may implement."""

    @pytest.hookspec
    def pytest_frostproof_subjects(self, config: pytest.Config) -> Any:
        """Return a list of subjects to judge where `--subject` is not given: objects of the four
        kinds, or strings that name a target.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options under their long names."""
    group = parser.getgroup("frostproof", "frostproof (also without this prefix, if that is free)")
    for name, settings in _OPTIONS.items():
        group.addoption(f"--frostproof-{name}", **settings)
    for name, settings in _LONG_OPTIONS.items():
        group.addoption(f"--frostproof-{name}", **settings)
    group.addoption("--frostproof-settings", help="(internal) the settings, as JSON")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Iterator[None]:
    """Take `--subject` for `--frostproof-subject`, unless another plugin or a conftest has it.

    If we added the short name, a conftest that adds the same one would fail.
    """
    short = {f"--{name}": f"--frostproof-{name}" for name in _OPTIONS}
    # pytest takes a value of ours for a path, and would look for conftests there and nowhere else.
    values = {value for option, value in pairwise(args) if option in short}
    known = early_config.known_args_namespace
    known.file_or_dir = [path for path in known.file_or_dir if path not in values]
    yield
    for name, long in short.items():
        if _is_free(name, parser):
            args[:] = [re.sub(f"^{name}(?==|$)", long, argument) for argument in args]


def _is_free(option: str, parser: pytest.Parser) -> bool:
    try:
        return option in parser.parse_known_and_unknown_args([option])[1]
    except pytest.UsageError:  # it wants a value
        return False


def pytest_configure(config: pytest.Config) -> None:
    """Load the subjects that were named, and have their laws collected."""
    config.addinivalue_line(
        "markers", "frostproof_laws: run the test once per law (see frostproof.laws)"
    )
    worker = getattr(config, "workerinput", None)
    os.environ.update(worker["frostproof_environment"] if worker else {})
    config.stash[_SEED] = worker["frostproof_seed"] if worker else secrets.randbits(32)
    config.pluginmanager.register(Rows(config), "frostproof-rows")
    if any("ssh=" in place for place in config.getoption("tx", None) or ()):
        from .remote_hosts import RemoteHosts, joined

        config.pluginmanager.register(RemoteHosts(), "frostproof-remote-hosts")
        given = config.invocation_params
        config.invocation_params = type(given)(
            args=joined(tuple(map(str, given.args)), _VALUED), plugins=given.plugins, dir=given.dir
        )
    targets = config.getoption("frostproof_subject") or []
    folder = config.getoption("frostproof_report")
    if worker and worker["frostproof_named"]:
        _session(config).adopt(worker["frostproof_named"])
    elif not worker and any(map(config.getoption, _ASKING)):
        try:
            _session(config).prepare(targets, config.getoption("frostproof_as"), folder)
            if folder and not config.getoption("collectonly"):
                _session(config).begin()
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
    if targets:
        _collect_the_suite(config)


def _collect_the_suite(config: pytest.Config) -> None:
    """Collect the laws alone, or beside the paths that were given."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(SUITE)]
        return
    # Outside of the root folder pytest gives a file that was named no path in its node ids.
    config.args = [f"{SUITE}{arg}" if arg.startswith("::") else arg for arg in config.args]
    if not any("::test_law[" in arg for arg in config.args):
        config.args.append(str(SUITE))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the seed and the subjects to an xdist worker, so that all workers collect the same."""
    session = node.config.stash.get(_SESSION, None)
    node.workerinput["frostproof_seed"] = node.config.stash[_SEED]
    node.workerinput["frostproof_named"] = session.named() if session else None
    # A worker on another machine has its own environment and folder of scripts.
    spec = node.gateway.spec
    node.workerinput["frostproof_shares_files"] = bool(spec.popen and not spec.chdir)
    shared = ("FROSTPROOF_PROFILE", "FROSTPROOF_DATABASE")
    node.workerinput["frostproof_environment"] = {
        name: os.environ[name] for name in shared if name in os.environ
    }


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the laws of one subject in one process, where they share its compiled programs."""
    named = _SESSION in config.stash and config.stash[_SESSION].subjects
    handed_over = config.hook.pytest_frostproof_subjects.get_hookimpls()
    if config.getoption("dist") != "load" or not (named or handed_over):
        return None
    from .scheduling import BySubject

    return BySubject(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item per law that applies to a subject."""
    marks = list(metafunc.definition.iter_markers("frostproof_laws"))
    if not marks:
        return
    from .laws import unusable

    try:
        session = _session(metafunc.config)
        if all(mark.kwargs for mark in marks):
            laws = session.laws_of_marks([mark.kwargs for mark in marks])
        else:  # our own `test_law` names no subject
            if not session.subjects:
                session.take(_handed_over(metafunc.config))
            laws = session.laws_of_subjects()
    except ValueError as error:  # of the run as a whole
        # As pytest says of its own marks: the message alone, which the summary shows, too.
        file, line, test = metafunc.definition.location
        where = f"{test} in {file}, line {(line or 0) + 1}"
        raise pytest.fail.Exception(f"{error} ({where})", pytrace=False) from None
    if "law" not in metafunc.fixturenames:
        test = metafunc.definition.originalname
        metafunc.fixturenames.append("law")  # which pytest refuses to set otherwise
        laws = [
            unusable(f"`{test}` takes no law: give it an argument `law`, and call `law()` in it")
        ]
    metafunc.parametrize("law", laws)


def _handed_over(config: pytest.Config) -> list[Any]:
    """Return the subjects of the conftests; ours counts only where no other has any."""
    manager = config.pluginmanager
    ours = [p for p in manager.get_plugins() if getattr(p, "__file__", "") == OUR_CONFTEST]
    name = "pytest_frostproof_subjects"
    for hook in (manager.subset_hook_caller(name, ours), getattr(config.hook, name)):
        found = [value for values in hook(config=config) for value in values]
        if found:
            return found
    raise ValueError(
        "no subject is named: name one by --subject, or by the hook pytest_frostproof_subjects"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of the suite itself to its own checkout."""
    return True if collection_path == SUITE.parent / "meta" and config.getoption("pyargs") else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Record the planned checks, so that a run that ends early can name the rest."""
    if _SESSION not in session.config.stash:
        return
    known = _session(session.config)
    unusable = [
        reason
        for item in session.items
        if (reason := _unusable(item)) and not any(map(item.get_closest_marker, _EXCUSES))
    ]
    known.plans([law.item for item in session.items if (law := _law(item))], unusable)
    if not hasattr(session.config, "workerinput") and not session.config.getoption("collectonly"):
        known.arrives(plan=known.new_plan())


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the laws that were deselected."""
    if laws := [item for item in items if _law(item)]:
        _session(laws[0].config).deselected += len(laws)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have a subject that cannot be judged chosen by `-k` as each of its laws would be."""
    if _unusable(item):
        from ...properties.laws.book import BY_ID

        item.extra_keyword_matches |= BY_ID.keys()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say of a subject that cannot be judged why: the message alone, as pytest says of marks.

    Before its fixtures are set up, and after pytest has seen whether it is skipped.
    """
    if reason := _unusable(item):
        pytest.fail(reason, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    """Attach the row to the report; the first report of each process brings its plan too."""
    law = _law(item)
    if law and call.when == "setup":
        item.user_properties += [("subject", law.item.subject_name), ("law", law.item.law.id)]
    report: pytest.TestReport = yield
    if law and report.skipped and isinstance(report.longrepr, tuple):
        # As pytest says of its own marks: where the user's test is, and not where we skip it.
        report.longrepr = (str(item.path), (item.location[1] or 0) + 1, report.longrepr[2])
    if law and call.when != "teardown":
        from ..run.row_transport import attach

        attach(report, law.frostproof_row, _session(item.config).new_plan())
    return report


def _law(item: pytest.Item) -> BoundLaw | None:
    law = _parameter(item)
    return law if hasattr(law, "frostproof_row") else None


def _unusable(item: pytest.Item) -> str | None:
    """Return why no law can judge the subject of a test; None of all other tests."""
    return getattr(_parameter(item), "frostproof_unusable", None)


def _parameter(item: pytest.Item) -> Any:
    return getattr(item, "callspec", None) and item.callspec.params.get("law")  # type: ignore[attr-defined]


class Rows:
    """Gathers the rows of all workers in the controlling process, and writes the report."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self._arrivals: Arrivals | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a row as soon as its item is done."""
        if not self._controls:
            return
        if self._arrivals is None:
            if not hasattr(report, "frostproof_row"):
                return
            from ..run.row_transport import Arrivals

            self._arrivals = Arrivals()
        plan, row = self._arrivals.plan(report), self._arrivals.row(report)
        if plan or row:
            _session(self.config).arrives(plan=plan, row=row)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report, if one was asked for."""
        if self._judges and not _session(self.config).close() and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how much ran: a green run may have run nothing."""
        if self._judges:
            for line in _session(self.config).closing_lines():
                terminalreporter.write_line(line)

    @property
    def _controls(self) -> bool:
        return not hasattr(self.config, "workerinput")

    @property
    def _judges(self) -> bool:
        return (
            _SESSION in self.config.stash
            and self._controls
            and not self.config.getoption("collectonly")
        )


def _session(config: pytest.Config) -> Session:
    """Return the session, made when something is first judged."""
    if _SESSION not in config.stash:
        from ..run.division import Division
        from .session import Session

        division = Division.read(
            config.getoption("frostproof_shard"), config.getoption("frostproof_balance")
        )
        config.stash[_SESSION] = session = Session(
            config.stash[_SEED],
            config.getoption("frostproof_settings"),
            config.rootpath,
            division,
            _scripts(config),
        )
        config.add_cleanup(session.end)
    return config.stash[_SESSION]


def _scripts(config: pytest.Config) -> Path | None:
    """Return the folder of scripts; None where the user does not have the files of this process."""
    from ..run.scripts import folder_of_scripts

    worker = getattr(config, "workerinput", None)
    if worker and not worker["frostproof_shares_files"]:
        return None
    report = config.getoption("frostproof_report")
    return folder_of_scripts(
        config.invocation_params.dir / report if report else None, config.rootpath
    )
