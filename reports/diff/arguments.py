"""The command line of `frostproof diff`; what it runs is loaded when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_diff(commands: Any) -> None:
    """Add the subcommand to those of `frostproof`."""
    diff = commands.add_parser(
        "diff",
        help="judge two checkpoints on disk",
        description="Judge two checkpoints leaf by leaf: what was frozen kept its values, all else "
        "moved. Reads Orbax, Flax msgpack, safetensors, npz, Keras, Equinox and PyTorch, each told "
        "from its files. A PATTERN is a prefix of a leaf's path, segment by segment, such as "
        "encoder/block_1; * stands for anything within a segment, ** for any segments. Exit "
        "status: 0 everything promised held; 1 something promised was refuted; 2 it could not be "
        "judged. Without --frozen it lists what stayed and what moved.",
    )
    diff.set_defaults(run=_run)
    diff.where_missing = (
        "they stand in front of --frozen, --still and --ignore, which take all words behind them"
    )
    diff.add_argument("before", type=Path, metavar="BEFORE", help="a file or folder")
    diff.add_argument("after", type=Path, metavar="AFTER", help="likewise, of any format")
    patterns: dict[str, Any] = {
        "nargs": "+",
        "action": "extend",
        "metavar": "PATTERN",
        "default": [],
    }
    diff.add_argument("--frozen", **patterns, help="leaves that had to stay")
    diff.add_argument("--still", **patterns, help="trainable leaves that may stay as they were")
    diff.add_argument("--ignore", **patterns, help="leaves that are left out")
    diff.add_argument(
        "--promise",
        metavar="GUARANTEE,…",
        default="selected,value",
        help="the guarantees that count, by default selected,value",
    )
    diff.add_argument(
        "--map",
        dest="maps",
        action="append",
        metavar="REGEX=REPL",
        default=[],
        help="rename leaves of BEFORE, by re.sub on paths such as encoder/kernel",
    )
    diff.add_argument(
        "--transpose",
        dest="transposes",
        action="append",
        metavar="PATTERN[=AXES]",
        default=[],
        help="reverse the dimensions of leaves of BEFORE, or order them, as in =2,3,1,0",
    )
    diff.add_argument(
        "--skeleton",
        metavar="TARGET",
        help="pkg.mod:name or file.py:name that makes the model of an .eqx file",
    )
    diff.add_argument("--report", type=Path, metavar="DIR", help="write report.html and more")
    diff.add_argument("--json", action="store_true", help="print all of it as JSON")


def _run(options: argparse.Namespace) -> int:
    from .command import diff

    return diff(options)
