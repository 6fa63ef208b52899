"""The pytest plugin: `--subject`, one item a law and subject, rows that survive xdist.

It is loaded into every pytest run of its environment: it registers little and imports no JAX.
"""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentError
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .pytest_session import Session

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "properties" / "test_laws.py"

_SESSION = pytest.StashKey["Session"]()
#: What all problems of the run are drawn from, where the profile fixes no seed.
_SEED = pytest.StashKey[int]()

_OPTIONS: dict[str, dict[str, Any]] = {
    "subject": {"action": "append", "metavar": "TARGET", "help": "judge TARGET by the law book"},
    "as": {"metavar": "KIND", "help": "the kind of the subjects: linen, nnx, optax, trainer"},
    "report": {"metavar": "DIR", "help": "write frostproof's report.json and report.md"},
}


class Hooks:
    """Hooks that a conftest may implement."""

    @pytest.hookspec
    def pytest_frostproof_subjects(self, config: pytest.Config) -> Any:
        """Return the subjects to judge where no `--subject` is given, in a list: objects of the
        four kinds, or strings that name a target.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hooks known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options under the names that nobody else has."""
    group = parser.getgroup("frostproof")
    for name, settings in _OPTIONS.items():
        group.addoption(f"--frostproof-{name}", dest=f"frostproof_{name}", **settings)
    group.addoption("--frostproof-terms", help="(internal) the terms of `frostproof verify -n`")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: Sequence[str]
) -> Iterator[None]:
    """Add the short names of the options which no other plugin and no conftest has.

    Not before the conftests are loaded: one that adds a `--report` of its own would fail. Until
    then pytest takes our values for paths to look for conftests in.
    """
    short = {f"--{name}" for name in _OPTIONS}
    values = {value for option, value in pairwise(args) if option in short}
    known = early_config.known_args_namespace
    known.file_or_dir = [path for path in known.file_or_dir if path not in values]
    yield
    group = parser.getgroup("frostproof")
    for name, settings in _OPTIONS.items():
        try:
            group.addoption(f"--{name}", dest=f"frostproof_{name}", **settings)
        except (ValueError, ArgumentError):
            continue


def pytest_configure(config: pytest.Config) -> None:
    """Load the subjects that were named, and collect their laws; with no path given, no more."""
    config.addinivalue_line(
        "markers", "frostproof_laws: run the test once for every law, see frostproof.laws"
    )
    worker = getattr(config, "workerinput", None)
    config.stash[_SEED] = worker["frostproof_seed"] if worker else secrets.randbits(32)
    config.pluginmanager.register(Rows(config), "frostproof-rows")
    targets = config.getoption("frostproof_subject")
    try:
        if worker:
            _session(config).adopt(worker["frostproof_subjects"])
        elif targets or config.getoption("frostproof_report"):
            _session(config).prepare(
                targets or [],
                config.getoption("frostproof_as"),
                config.getoption("frostproof_report"),
            )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if targets and not worker:
        _collect_the_suite(config)


def _collect_the_suite(config: pytest.Config) -> None:
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(SUITE)]
