"""The command `frostproof` and its subcommands. A user's mistake gets one line and no traceback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from ...properties.processes.device import DEVICES
from ...reference.pytrees.spelling import did_you_mean
from ...reference.subjects.targets import KINDS
from ..diff.arguments import add_diff
from .output import lasting_errors, lasting_output
from .prove import add_prove

UNJUDGED = 2
#: The answers to options that people look for, and that do not exist.
_INSTEAD = {"--profile": "; set FROSTPROOF_PROFILE, to default, ci or nightly"}


class Parser(argparse.ArgumentParser):
    """A parser that ends with one line and status 2, without the usage text that would hide it."""

    #: What to say where arguments are missing that may have been taken for others.
    where_missing = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse arguments; what is left over is a mistake of the command that it was given to, and
        not of the one above it.
        """
        found, left = super().parse_known_args(args, namespace)
        if left:
            option = left[0].partition("=")[0]
            meant = _INSTEAD.get(option) or did_you_mean(option, self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(left)}{meant}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """End the process with a message."""
        if self.where_missing and "arguments are required" in message:
            message += f"; {self.where_missing}"
        self.exit(UNJUDGED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after `frostproof`; by default those of the process.

    Returns:
        The exit status: 0, 1, or 2 with one line on standard error.
    """
    return run(_parser(), arguments)


def run(parser: Parser, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, run the subcommand, and return its exit status: 2 in place of 0 where
    the output could not be written.
    """
    with lasting_errors():
        with lasting_output() as output:
            status = _status(parser, arguments)
        if output.lost is not None:
            print(f"frostproof: the output is not complete: {output.lost}", file=sys.stderr)
            return status or UNJUDGED
        return status


def _status(parser: Parser, arguments: Sequence[str] | None) -> int:
    try:
        options = parser.parse_args(arguments)
    except SystemExit as ended:  # after help, the version, or a mistake
        return int(ended.code or 0)
    try:
        _require_folder()
        status: int = options.run(options)
    except ValueError as error:
        print(f"frostproof: {' '.join(str(error).split())}", file=sys.stderr)
        return UNJUDGED
    except KeyboardInterrupt:
        print("frostproof: interrupted", file=sys.stderr)
        return UNJUDGED
    return status


def _require_folder() -> None:
    """Raise a `ValueError` where the current folder was removed: what is loaded from here on, such
    as Hypothesis, asks for it as it is imported.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ValueError(
            "the current folder does not exist any more: go to another one by cd, and try again"
        ) from None


def _parser() -> Parser:
    parser = Parser(
        prog="frostproof",
        description="Property-based verification of code that freezes parameters in JAX.",
    )
    parser.add_argument(
        "--version", action="version", version=f"frostproof {version('frostproof')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_verify,
        add_prove,
        _add_laws,
        _add_optimizers,
        _add_replay,
        _add_compare,
        add_diff,
        _add_merge,
    ):
        add(commands)
    return parser


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        help="judge code by the law book",
        description="Judge code by the law book. Exit status: 0 everything promised held; "
        "1 something promised was refuted, vacuous, in error or not shown although it was asked "
        "for; 2 the code could not be judged, nothing promised could run, or what was to be read "
        "could not be written.",
    )
    verify.set_defaults(run=_verify)
    verify.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="package.module:name, path/file.py:name, or a reference such as "
        "linen/gradient-zeroing; without one, all references",
    )
    verify.add_argument("--as", dest="kind", choices=KINDS, help="the kind of all targets")
    verify.add_argument("-n", dest="workers", metavar="N", help="processes; by default all cores")
    verify.add_argument(
        "--laws",
        metavar="GLOB,…",
        action="append",
        help="judge only these laws, such as 'frozen-*,trainable-moves'; may be repeated",
    )
    verify.add_argument("--max-examples", type=int, metavar="N", help="examples per law")
    verify.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="draw the same problems again; examples that failed before are tried first all the "
        "same, unless FROSTPROOF_PROFILE=ci",
    )
    verify.add_argument(
        "--promise", metavar="GUARANTEE,…", default="", help="the guarantees that count"
    )
    verify.add_argument(
        "--allow-not-shown",
        action="store_true",
        help="do not fail where laws of a promised guarantee could not run",
    )
    verify.add_argument("-v", "--verbose", action="store_true", help="show every verdict")
    verify.add_argument("-q", "--quiet", action="store_true", help="show failures and the end only")
    verify.add_argument(
        "--show-script", action="store_true", help="print the scripts of counterexamples, too"
    )
    verify.add_argument("--device", choices=DEVICES, help="judge on this device of JAX")
    verify.add_argument(
        "--no-proofs", action="store_true", help="sample every law, also those that can be proved"
    )
    verify.add_argument(
        "--timeout", type=float, metavar="S", help="seconds per law; by default 300"
    )
    verify.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html and .json, and more"
    )
    verify.add_argument("--shard", metavar="I/N", help="judge part I of the laws, in N parts")
    verify.add_argument(
        "--balance", type=Path, metavar="REPORT", help="even out the shards by an earlier run"
    )


def _verify(options: argparse.Namespace) -> int:
    if options.device:  # JAX has to be told before it is imported
        return _judge(options)
    from ...properties.processes.start_method import started_ahead

    with started_ahead():
        return _judge(options)


def _judge(options: argparse.Namespace) -> int:
    from ..run.project_settings import project_settings
    from ..run.scripts import folder_of_scripts, write_scripts
    from ..run.verify import verify
    from .terminal import Terminal

    typed = {
        "laws": _names(options.laws or ()),
        "max_examples": options.max_examples,
        "seed": options.seed,
        "promise": _names([options.promise]),
        "timeout": options.timeout,
        "shard": options.shard,
        "balance": options.balance,
        "device": options.device,
    }
    settings = {"kind": options.kind, "report": options.report}
    settings["proofs"] = not options.no_proofs
    settings |= {"laws": ("*",), "promise": ()} | project_settings(Path.cwd())
    settings |= {name: value for name, value in typed.items() if value not in (None, [])}
    terminal = Terminal(
        verbose=options.verbose,
        quiet=options.quiet,
        show_script=options.show_script,
        max_examples=settings.get("max_examples"),
    )
    settings["listener"] = terminal
    workers = options.workers or "auto"
    allowed = options.allow_not_shown
    with closing(terminal):  # also where the run is interrupted
        report = verify(*options.targets, workers=workers, allow_not_shown=allowed, **settings)
    folder = folder_of_scripts(options.report)
    terminal.on_end(report, write_scripts(report.rows, folder))
    if report.unwritten is not None:
        print(f"frostproof: --report {report.unwritten}", file=sys.stderr)
    elif options.report is not None:
        print(f"report: {options.report / 'report.html'}")
    return report.exit_status


def _names(options: Sequence[str]) -> list[str]:
    """Return what options name, be it with commas, with spaces, or in several options."""
    return [name for option in options for name in option.replace(",", " ").split()]


def _add_laws(commands: Any) -> None:
    laws = commands.add_parser("laws", help="show the law book")
    laws.set_defaults(run=_laws)
    laws.add_argument(
        "id",
        nargs="?",
        metavar="GLOB",
        help="show laws in full, such as frozen-value or 'frozen-*'",
    )


def _laws(options: argparse.Namespace) -> int:
    from .law_book import print_book, print_law

    if options.id is None:
        print_book()
    else:
        print_law(options.id)
    return 0


def _add_optimizers(commands: Any) -> None:
    optimizers = commands.add_parser(
        "optimizers",
        help="show the optimizers that problems are drawn with",
        description="Show the catalogue of optimizers: the names that frostproof.Optimizers takes, "
        "what each is, and what it does to a leaf without a gradient. The common ones are "
        "promised unless a subject's `optimizers=` says otherwise.",
    )
    optimizers.set_defaults(run=_optimizers)
    optimizers.add_argument(
        "name", nargs="?", metavar="GLOB", help="only these, such as adamw or 'adam*'"
    )


def _optimizers(options: argparse.Namespace) -> int:
    from .optimizer_list import print_optimizers

    print_optimizers(options.name or "*")
    return 0


def _add_replay(commands: Any) -> None:
    replay = commands.add_parser(
        "replay",
        help="run recorded counterexamples again",
        description="Run the counterexamples of a report again, on the code as it is now. Exit "
        "status: 0 none of a promised law fails any more; 1 one still fails; 2 the report cannot "
        "be read, or the code cannot be run.",
    )
    replay.set_defaults(run=_replay)
    replay.add_argument("report", type=Path, metavar="REPORT", help="a report.json or its folder")
    replay.add_argument("id", nargs="?", metavar="ID", help="the id of one row, or of one law")
    replay.add_argument(
        "--target",
        help="the code to run the counterexamples on; by default the targets of the report, where "
        "they lie in the current folder",
    )
    replay.add_argument("--as", dest="kind", choices=KINDS, help="the kind of the target")


def _replay(options: argparse.Namespace) -> int:
    from .replay import print_replay

    return print_replay(options.report, options.id, options.target, options.kind)


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="show what changed between two runs",
        description="Show what changed between two runs. Exit status: 0 nothing promised "
        "regressed; 1 a promised law that was judged and did not fail before now fails, or is not "
        "judged, or one more subject cannot be judged; 2 a file cannot be read.",
    )
    compare.set_defaults(run=_compare)
    compare.add_argument("old", type=Path, metavar="OLD", help="a report.json or its folder")
    compare.add_argument("new", type=Path, metavar="NEW", help="the newer one")
    compare.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="known failures, with reasons and last days; its ids may be globs",
    )
    compare.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the comparison as Markdown too"
    )


def _compare(options: argparse.Namespace) -> int:
    from ..comparison.text import print_compared

    return print_compared(options.old, options.new, options.baseline, options.markdown)


def _add_merge(commands: Any) -> None:
    merge = commands.add_parser(
        "merge",
        help="make one report from the parts of a run",
        description="Make one report from the parts of a run. Exit status: 0 it was written, "
        "whatever its verdicts; 2 a part is missing, or cannot be read.",
    )
    merge.set_defaults(run=_merge)
    merge.add_argument("parts", nargs="+", type=Path, metavar="DIR", help="a folder with a report")
    merge.add_argument(
        "-o", dest="into", type=Path, metavar="DIR", required=True, help="the folder to write"
    )


def _merge(options: argparse.Namespace) -> int:
    from ..results.merging import missing_shards
    from .merge import write_merged

    merged = write_merged(options.parts, options.into)
    summary, many = merged.summary, len(merged.parts)
    where = f"{many} part{'s' * (many != 1)}"
    print(f"{options.into}: ran {summary['ran']} of {summary['of']} laws in {where}")
    lost = ", ".join(map(str, missing_shards(merged)))
    if lost:
        print(f"frostproof: shard {lost} is missing: its laws have no verdict", file=sys.stderr)
    return UNJUDGED if lost else 0
