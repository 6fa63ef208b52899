"""`python -m frostproof.reports.libraries`: judges recipes of real libraries.

    python -m frostproof.reports.libraries                       the table, as Markdown
    python -m frostproof.reports.libraries table --html FILE     and as a page
    python -m frostproof.reports.libraries scripts               the scripts for maintainers, run
    python -m frostproof.reports.libraries own-tests             the libraries' own tests, run
    python -m frostproof.reports.libraries since                 the first release with each fault
    python -m frostproof.reports.libraries latest                the newest releases, judged

Each takes globs of recipes, such as 'optax_*' or 'penzai_trainer:as_documented'.
"""

# A command imports what it needs when it runs: `run` has seen by then that the current folder is
# still there.

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ...reference.corpus.libraries import VALIDATIONS, Validation
from ..cli.main import Parser, run


def main(arguments: Sequence[str]) -> int:
    """Run a command; return 0, 1 where something is not as the table has it, or 2."""
    return run(_parser(), arguments or ["table"])


def _parser() -> Parser:
    parser = Parser(prog="python -m frostproof.reports.libraries", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    table = commands.add_parser("table", help="judge the recipes and print their table")
    table.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too")
    table.set_defaults(run=_table)
    scripts = commands.add_parser("scripts", help="run the scripts for maintainers")
    scripts.set_defaults(run=_scripts)
    own_tests = commands.add_parser("own-tests", help="run the tests that the libraries ship")
    own_tests.set_defaults(run=_own_tests)
    since = commands.add_parser("since", help="find the first release with each fault")
    since.set_defaults(run=_since)
    latest = commands.add_parser("latest", help="judge the newest releases, and print what changed")
    latest.add_argument("--summary", type=Path, metavar="FILE", help="write it into a file, too")
    latest.set_defaults(run=_latest)
    for command in commands.choices.values():
        command.add_argument("recipes", nargs="*", metavar="GLOB", help="only recipes of this name")
    return parser


def _chosen(options: argparse.Namespace) -> list[Validation]:
    """Return the recipes that fit a glob, faults first.

    Raises:
        ValueError: for a glob that fits none.
    """
    for glob in options.recipes:
        if not any(each.matches(glob) for each in VALIDATIONS):
            raise ValueError(f"no recipe is called {glob}, such as {VALIDATIONS[0].target}")
    chosen = [
        each
        for each in VALIDATIONS
        if not options.recipes or any(map(each.matches, options.recipes))
    ]
    return sorted(chosen, key=lambda each: each.upstream is None)


def _table(options: argparse.Namespace) -> int:
    from ..results.report_file import replace_file
    from .page import page
    from .table import print_table

    judged = print_table(_chosen(options))
    if options.html:
        try:
            replace_file(options.html, page(judged))
        except OSError as error:
            raise ValueError(f"--html {options.html}: {error.strerror}") from None
    return 0


def _scripts(options: argparse.Namespace) -> int:
    from .scripts import print_scripts

    return print_scripts(_chosen(options))


def _own_tests(options: argparse.Namespace) -> int:
    from .own_tests import print_own_tests

    return print_own_tests(_chosen(options))


def _since(options: argparse.Namespace) -> int:
    from .since import print_since

    return print_since(_chosen(options))


def _latest(options: argparse.Namespace) -> int:
    from .latest import print_changes

    return print_changes(_chosen(options), options.summary)
