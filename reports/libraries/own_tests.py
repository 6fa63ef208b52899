"""Runs the tests that libraries ship about what is at fault, and prints how they ended.

A fault that they do not catch is one that only a law refutes.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ...reference.corpus.libraries import Validation
from ...reference.corpus.libraries.environments import Environment
from ...reference.corpus.libraries.own_tests import OWN_TESTS, OwnTests
from ..formats.markdown import cell
from .environments import EnvironmentNotMade, cache, interpreter
from .table import version_of

#: Seconds that the tests of a library may take.
_LONGEST = 1500
#: Tests that are named for one reason.
_MOST = 8
#: What the name of a test says that is about freezing.
_FREEZING = re.compile("freez|frozen|trainable|mask|partition|lora|adapter|wrt|set_to_zero", re.I)
_HEAD = """# What the libraries' own tests say of the faults

The tests about freezing, about what trains and about the module at fault, which a library ships in
its source distribution, run on the release in which a law refutes a recipe. Printed by

```console
$ python -m frostproof.reports.libraries own-tests
```

| library | faults, and a law that refutes each | tests | passed | failed | skipped |
|---|---|---|---:|---:|---:|
"""


class TestsNotRun(RuntimeError):
    """The tests of a library could not be started; the message says why."""


@dataclass(frozen=True)
class Tested:
    """How a test of a library ended."""

    file: str
    name: str
    #: "passed", "failed" or "skipped".
    outcome: str
    #: The first line of why it failed or was skipped.
    reason: str

    @property
    def bare_name(self) -> str:
        """Its name without what tells parameters apart."""
        return re.sub(r"(\[.*|\d+( \(.*)?)$", "", self.name, flags=re.DOTALL)


def tested(library: str, version: str, packages: Iterable[str]) -> list[Tested]:
    """Return how the tests of a library ended: those of an earlier run, or of one now.

    Args:
        library: a distribution that `OWN_TESTS` has.
        version: its version.
        packages: what its recipes need, with versions.

    Raises:
        EnvironmentNotMade: a package cannot be installed, or the source not be had.
        TestsNotRun: pytest left no results.
    """
    tests = OWN_TESTS[library]
    needed = dict.fromkeys((*packages, f"{library}=={version}", *tests.needs))
    environment = Environment(f"{library}-tests", tuple(needed))
    parts = (*environment.packages, *_selection(tests), sys.version)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    results = cache() / "own-tests" / f"{library}-{digest}.xml"
    if not results.exists():
        _run_pytest(interpreter(environment), _source(library, version), tests, results)
    return read_results(results)


def _source(library: str, version: str) -> Path:
    """Return the folder of a source distribution, and fetch it first where it is not there."""
    folder = cache() / "sources" / f"{library}-{version}"
    if not list(folder.glob("*/PKG-INFO")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", library, "--dest", str(folder), f"{library}=={version}"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise EnvironmentNotMade(f"no source of {library} {version}: {run.stderr.strip()}")
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    (found,) = folder.glob("*/PKG-INFO")
    return found.parent


def _selection(tests: OwnTests) -> tuple[str, ...]:
    return (*tests.files, "-k", tests.named) if tests.named else tests.files


def _run_pytest(python: Path, source: Path, tests: OwnTests, results: Path) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    unfinished = results.with_suffix(".part")
    options = ["--quiet", "--continue-on-collection-errors", f"--junitxml={unfinished}"]
    options += ["-p", "no:frostproof", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [str(python), "-m", "pytest", *options, *_selection(tests)],
        cwd=source,
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    if run.returncode not in (0, 1):  # 1: tests failed
        said = (run.stderr.strip() or run.stdout.strip() or "nothing").splitlines()
        raise TestsNotRun(f"{source.name}: pytest ended with {run.returncode}: {said[-1]}")
    unfinished.replace(results)


def read_results(results: Path) -> list[Tested]:
    """Return the tests of a JUnit file; one that could not be collected counts as failed."""
    cases = ElementTree.parse(results).getroot().iter("testcase")
    return [_tested(case) for case in cases]


def _tested(case: ElementTree.Element) -> Tested:
    file, name = case.get("classname", ""), case.get("name", "")
    for sign, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (why := case.find(sign)) is not None:
            raised = re.findall(r"^E +(.*)", why.text or "", re.MULTILINE)  # none when skipped
            reason = raised[-1] if sign == "error" and raised else why.get("message", "")
            return Tested(file, name, outcome, reason.split("\n")[0])
    return Tested(file, name, "passed", "")


def library_row(library: str, version: str, faults: Sequence[Validation], ran: list[Tested]) -> str:
    """Return the row of a library."""
    counts = Counter(each.outcome for each in ran)
    cells = [f"{library} {version}", _faults(faults), _files(OWN_TESTS[library])]
    numbers = [str(counts[outcome]) for outcome in ("passed", "failed", "skipped")]
    return f"| {' | '.join((*map(cell, cells), *numbers))} |"


def _faults(faults: Sequence[Validation]) -> str:
    return "; ".join(f"{each.recipe} ({_shown_by(each)})" for each in faults)


def _shown_by(fault: Validation) -> str:
    """Return the first law that refutes a fault, or its script where no law does."""
    laws = [law for cause in fault.causes for law in cause.laws]
    return f"`{laws[0]}`" if laws else "by its script alone"


def _files(tests: OwnTests) -> str:
    files = ", ".join(f"`{file}`" for file in tests.files)
    return f"{files}, those named {tests.named}" if tests.named else files


def about_freezing(ran: Iterable[Tested]) -> dict[str, Counter[str]]:
    """Return how the tests ended that name freezing, by name without parameters."""
    found: dict[str, Counter[str]] = {}
    for each in ran:
        if _FREEZING.search(each.bare_name):
            found.setdefault(each.bare_name, Counter())[each.outcome] += 1
    return found


def details(library: str, ran: Sequence[Tested]) -> list[str]:
    """Return lines on the tests that name freezing, and on those that did not pass."""
    named = [f"`{name}`{_unless_once(ended)}" for name, ended in about_freezing(ran).items()]
    others: dict[tuple[str, str], list[str]] = {}
    for each in ran:
        if each.outcome != "passed":
            others.setdefault((each.outcome, each.reason), []).append(f"`{each.name or each.file}`")
    why = OWN_TESTS[library].failing
    return [
        f"- {library}, tests that name freezing: {', '.join(named) or 'none'}.",
        *([f"- {library}, what fails: {why}."] if why else []),
        *(
            f"- {library}, {outcome}, {cell(reason[:160])}: {', '.join(names[:_MOST])}"
            + (f" and {len(names) - _MOST} more." if len(names) > _MOST else ".")
            for (outcome, reason), names in others.items()
        ),
    ]


def _unless_once(ended: Counter[str]) -> str:
    """Say how often a test passed, failed and was skipped, unless it passed once."""
    if ended == Counter(passed=1):
        return ""
    return f" ({', '.join(f'{count} {outcome}' for outcome, count in ended.items())})"


def print_own_tests(chosen: Sequence[Validation]) -> int:
    """Run the tests of the libraries at fault, and print the page; return 1 if one cannot run."""
    faults: dict[str, list[Validation]] = {}
    for each in chosen:
        if each.upstream:
            faults.setdefault(each.at_fault, []).append(each)
    print(_HEAD, end="", flush=True)
    told, complete = [], True
    for library in sorted(faults.keys() & OWN_TESTS.keys()):
        first = faults[library][0]
        packages = first.environment.packages if first.environment else ()
        version = version_of(library, first)
        try:
            ran = tested(library, version, packages)
        except (EnvironmentNotMade, TestsNotRun) as error:
            print(f"not run: {error}", file=sys.stderr)
            complete = False
            continue
        print(library_row(library, version, faults[library], ran), flush=True)
        told += details(library, ran)
    without = [each for library in faults.keys() - OWN_TESTS.keys() for each in faults[library]]
    told += [
        f"- {each.at_fault} {version_of(each.at_fault, each)} ships no test of it: {each.recipe}."
        for each in sorted(without, key=lambda each: each.at_fault)
    ]
    print("\n## By name\n")
    print("\n".join(told))
    return 0 if complete else 1
