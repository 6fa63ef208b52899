"""`python -m frostproof.reports.nightly`: judges a part of a night, and says how the night went.

The nightly workflow runs these commands, and so can anybody:

    python -m frostproof.reports.nightly judge NIGHT CELL PART
    python -m frostproof.reports.nightly conclude NIGHT --history FOLDER
"""

# A step imports what it needs when it runs: `run` has seen by then that the current folder is still
# there.

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import groupby, product
from pathlib import Path

from ...reference.subjects.targets import REFERENCES
from ..cli.main import UNJUDGED, Parser, run

#: The matrix of nightly.yml: the oldest and the newest Python, with releases of JAX, Flax and Optax
#: that `.ci/environment` installs.
PYTHONS = ("3.11", "3.14")
RELEASES = ("oldest", "latest", "prerelease")
#: The references by the first part of their alias; each part gets its own machine.
PARTS = {
    part: tuple(targets)
    for part, targets in groupby(REFERENCES, lambda alias: alias.partition("/")[0])
}
CELLS = tuple(f"py{python}-{release}" for python, release in product(PYTHONS, RELEASES))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two steps; return 0, 1 for an alarm, or 2 with a line on standard error."""
    return run(_parser(), arguments)


def _parser() -> Parser:
    parser = Parser(prog="python -m frostproof.reports.nightly", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")

    judge = steps.add_parser(
        "judge",
        help="judge a part of the references",
        description="Judge a part of the references as `frostproof verify` does, into "
        "NIGHT/CELL/PART. Exit status: 0 the part was judged, whatever the verdicts; 2 it was not.",
    )
    judge.set_defaults(run=_judge)
    judge.add_argument("night", type=Path, metavar="NIGHT", help="the folder of the night")
    judge.add_argument("cell", metavar="CELL", help="the name of this environment")
    judge.add_argument("part", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    judge.add_argument("options", nargs=argparse.REMAINDER, help="options of frostproof verify")

    conclude = steps.add_parser(
        "conclude",
        help="compare the night with the last one",
        description="Compare each cell of a night with its last one, and write NIGHT/report.json "
        "with the other formats, NIGHT/summary.md and, where something is new, NIGHT/issue.md. "
        "Exit status 1: a promised law fails or is lost, or something did not run.",
    )
    conclude.set_defaults(run=_conclude)
    conclude.add_argument("night", type=Path, metavar="NIGHT", help="the folder of the night")
    conclude.add_argument(
        "--history", type=Path, required=True, metavar="FOLDER", help="kept from night to night"
    )
    conclude.add_argument("--baseline", type=Path, metavar="FILE", help="known failures")
    conclude.add_argument(
        "--expect",
        action="append",
        metavar="CELL/PART",
        help="a part that has to be there, once per part; by default the whole matrix",
    )
    return parser


def _judge(options: argparse.Namespace) -> int:
    from ..cli.main import main as frostproof

    os.environ.setdefault("FROSTPROOF_PROFILE", "nightly")
    folder = options.night / options.cell / options.part
    status = frostproof(
        ["verify", *PARTS[options.part], "-n", "auto", "--report", str(folder), *options.options]
    )
    return UNJUDGED if status == UNJUDGED else 0  # the verdicts are judged by `conclude`


def _conclude(options: argparse.Namespace) -> int:
    from ..comparison.baseline import read_baseline
    from .night import read_night, remember
    from .text import alarms, headline
    from .writing import write_night

    wanted = options.expect or [f"{cell}/{part}" for cell, part in product(CELLS, PARTS)]
    expected: dict[str, list[str]] = {}
    for each in wanted:
        cell, _, part = each.partition("/")
        if not cell or not part:
            raise ValueError(f"--expect must be CELL/PART, got {each!r}")
        expected.setdefault(cell, []).append(part)
    night = read_night(options.night, options.history, expected, read_baseline(options.baseline))
    try:
        write_night(night, options.night)
        remember(night, options.history)
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    print(headline(night))
    for cell in night.cells:
        for line in alarms(cell):
            print(f"{cell.name}: {line}")
    return night.exit_status
