"""The suites against one mutant, in its own process: `python mutant_run.py MODULE FILE`.

The file stands in for the module, whoever imports it; nothing installed is changed. Prints a line
of JSON for each suite as it ends: what killed the mutant, or null; "stillborn" comes alone, if the
module cannot even be imported, so that no suite is needed to find it. Of our own modules the tests
are run only if the laws find nothing, of Optax's always: they are compared.
"""

import contextlib
import importlib
import importlib.abc
import importlib.util
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from frostproof.properties.meta.measurements.mutation.mutation_plans import Judged, plan_of

#: Drawn for each law: what a mutant breaks, it breaks at once or never.
EXAMPLES = 4


class StandIn(importlib.abc.MetaPathFinder):
    """Finds one module in another file."""

    def __init__(self, module: str, path: Path):
        self.module, self.path = module, path

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.path)


def main(module: str, path: str) -> None:
    from frostproof.properties.plan.compiled_programs import keep_compiled_programs

    keep_compiled_programs()
    warnings.simplefilter("ignore", SyntaxWarning)
    sys.meta_path.insert(0, StandIn(module, Path(path)))
    try:
        importlib.import_module(module)
    except Exception as error:
        say("stillborn", f"{type(error).__name__} at import")
        return
    plan = plan_of(module)
    killer = next(refuting(plan.judged), None)
    say("laws", killer)
    if plan.tests and (killer is None or module.startswith("optax.")):
        say("tests", next(failing(plan.tests, plan.failing_anyway), None))


def say(suite: str, killer: str | None) -> None:
    print(json.dumps({suite: killer}), flush=True)


def refuting(judged: tuple[Judged, ...]) -> Iterator[str]:
    """Yield what differs from a judgement of the module as it is: the law and the subject."""
    from frostproof.properties.engine.call_cache import CallCache
    from frostproof.properties.engine.effort import Effort
    from frostproof.properties.engine.judge import judge
    from frostproof.properties.plan.checks import NamedSubject, plan_checks
    from frostproof.reference.subjects.loading import load
    from frostproof.reference.trials.probe import capabilities_of

    effort = Effort(EXAMPLES, seed=0, shrinking=0)
    for each in judged:
        try:
            value, memory = load(each.target, each.kind), CallCache()
            promise = tuple(value.promise)
            subject = NamedSubject(
                each.target, value.kind, value, capabilities=capabilities_of(value), promise=promise
            )
            items, _ = plan_checks([subject], each.laws)
        except Exception as error:
            yield f"{type(error).__name__} as {each.target} is loaded"
            continue
        for item in items:
            if item.promised and item.unable is None:
                found = judge(item.law, value, effort, memory, each.target).outcome
                refuted = found in ("refuted", "error", "vacuous")
                if refuted != each.refuted:
                    yield f"{item.law.id} on {each.target}: {found}"


def failing(tests: tuple[str, ...], failing_anyway: tuple[str, ...]) -> Iterator[str]:
    """Yield the first test that fails, of those which pass for the module as it is."""
    import pytest

    class FirstFailure:
        """Notes which test it was."""

        name = ""

        def pytest_runtest_logreport(self, report):
            if report.failed and not self.name:
                self.name = report.nodeid.rpartition("/")[2]

        def pytest_collectreport(self, report):
            if report.failed and not self.name:
                self.name = f"{report.nodeid.rpartition('/')[2]} cannot be collected"

    first = FirstFailure()
    files = [importlib.util.find_spec(test).origin for test in tests]
    apart = [f"--deselect={each}" for each in failing_anyway]
    away = ["-p", "no:frostproof", "-p", "no:cacheprovider", "--import-mode=importlib"]
    rooted = ["-c", "/dev/null", "--rootdir", str(Path(files[0]).parent), "--noconftest"]
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main(["-qqx", *away, *rooted, *apart, *files], plugins=[first])
    if first.name:
        yield first.name


if __name__ == "__main__":
    main(*sys.argv[1:])
