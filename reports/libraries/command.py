"""`python -m frostproof.reports.libraries`: judges recipes of real libraries.

    python -m frostproof.reports.libraries                       the table, as Markdown
    python -m frostproof.reports.libraries table --html FILE     and as a page
    python -m frostproof.reports.libraries scripts               the scripts for maintainers, run
    python -m frostproof.reports.libraries own-tests             the libraries' own tests, run
    python -m frostproof.reports.libraries since                 the first release with each fault
    python -m frostproof.reports.libraries latest                the newest releases, judged

Each takes globs of recipes, such as 'optax_*' or 'penzai_trainer:as_documented'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ...reference.corpus.libraries import VALIDATIONS, Validation
from ..cli.main import Parser, run
from .latest import print_changes
from .own_tests import print_own_tests
from .page import page
from .scripts import print_scripts
from .since import print_since
from .table import print_table


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
    others = {
        "scripts": (print_scripts, "run the scripts for maintainers"),
        "own-tests": (print_own_tests, "run the tests that the libraries ship"),
        "since": (print_since, "find the first release with each fault"),
    }
    for name, (action, help) in others.items():
        command = commands.add_parser(name, help=help)
        command.set_defaults(run=lambda options, action=action: action(_chosen(options)))
    latest = commands.add_parser("latest", help="judge the newest releases, and print what changed")
    latest.add_argument("--summary", type=Path, metavar="FILE", help="write it into a file, too")
    latest.set_defaults(run=lambda options: print_changes(_chosen(options), options.summary))
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
    judged = print_table(_chosen(options))
    if options.html:
        options.html.write_text(page(judged), encoding="utf-8")
    return 0
