"""Judges one recipe: in this environment, in its own, or by the files of its program."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ...reference.corpus.libraries import Validation
from ...reference.corpus.libraries.environments import Environment
from ...reference.subjects.targets import corpus_target
from ..results.reading import read_report
from ..results.report import Report
from ..results.row import Row
from ..run.listener import Listener
from ..run.verify import verify
from .environments import interpreter
from .left_in_files import report_of

#: Examples per law, always the same ones: a trainer is compiled for nearly each, a wrapper is not.
EXAMPLES = {"wrapper": 20, "trainer": 6, "apart": 4}
#: What is judged in another environment: most guarantees by one law each. All of the book
#: takes minutes per recipe, since most of these programs compile anew in every step.
LAWS_APART = (
    "training-runs",
    "frozen-value",
    "frozen-bits",
    "trainable-moves",
    "frozen-optimizer-state",
    "trains-as-if-alone",
    "frozen-gradients-do-not-leak",
)
SEED = 0
#: Seconds that one process may take.
LONGEST = 1500
PROGRAMS = Path(__file__).parents[2] / "reference" / "corpus" / "libraries" / "elsewhere"
_COMMAND = "from frostproof.reports.cli.main import main; raise SystemExit(main())"


class NotJudged(RuntimeError):
    """A process ended without an answer; the message is the last line that it said."""


class _Progress(Listener):
    """Says on standard error which verdict was reached, since a run takes minutes."""

    def finds(self, row: Row) -> None:
        print(f"{row.verdict:8} {row.id.removeprefix('library/')}", file=sys.stderr)


def judge(validation: Validation, laws: Iterable[str] = ("*",)) -> Report:
    """Return what the laws say of a recipe.

    Raises:
        EnvironmentNotMade: its packages cannot be installed.
        NotJudged: a process ended without an answer.
    """
    environment = validation.environment
    if environment is None:
        return _judge_here(validation, laws)
    if environment.shares:
        return _judge_apart(validation, environment)
    return _judge_files(validation, environment)


def _judge_here(validation: Validation, laws: Iterable[str]) -> Report:
    wrapper = validation.target.startswith("optax_")
    return verify(
        corpus_target("library", *validation.target.split(":")),
        laws=tuple(laws),
        max_examples=EXAMPLES["wrapper" if wrapper else "trainer"],
        seed=SEED,
        listener=_Progress(),
    )


def _judge_apart(validation: Validation, environment: Environment) -> Report:
    """Judge by the same engine, seen from the environment in which the library is installed."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--max-examples", str(EXAMPLES["apart"]), "--seed", str(SEED)]
        for law in LAWS_APART:
            options += ["--laws", law]
        target = corpus_target("library", *validation.target.split(":"))
        command = ["-c", _COMMAND, "verify", target, *options, "--report", folder]
        said = _run(environment, command, folder)
        if not (Path(folder) / "report.json").exists():
            raise NotJudged(f"{validation.target}: {said}")
        return read_report(Path(folder) / "report.json")


def _judge_files(validation: Validation, environment: Environment) -> Report:
    """Judge the parameters that a program leaves, which runs where frostproof cannot."""
    program, recipe = validation.target.split(":")
    with tempfile.TemporaryDirectory() as folder:
        said = _run(environment, [str(PROGRAMS / f"{program}.py"), recipe, folder], folder)
        report = report_of(
            corpus_target("library", *validation.target.split(":")),
            Path(folder),
            validation.frozen,
            SEED,
        )
    if not report.rows:
        raise NotJudged(f"{validation.target}: {said}")
    return report


def _run(environment: Environment, arguments: list[str], folder: str) -> str:
    """Run a Python there, in a folder that holds no module by chance; return its last line."""
    command = [str(interpreter(environment)), *arguments]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    return (run.stderr.strip() or run.stdout.strip() or "nothing was said").splitlines()[-1]
