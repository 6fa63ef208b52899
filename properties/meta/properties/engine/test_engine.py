"""The engine: what makes a verdict, on laws and subjects made for it."""

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis.database import InMemoryExampleDatabase

from frostproof.properties.engine import drawing
from frostproof.properties.engine.call_cache import CAPACITY, CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import NOT_REPEATABLE, judge
from frostproof.properties.engine.tally import unmet
from frostproof.properties.laws.law import Inconclusive, Law, label, refute
from frostproof.reference.observation import compilations
from frostproof.reference.observation.run import run as run_subject
from frostproof.reference.subjects.capability import Capability, Requirement
from frostproof.reference.subjects.exercise import Exercise
from frostproof.strategies.problems import exercises
from frostproof.strategies.values import EDGES, pool


def law(check, **fields):
    """Make a law from a check on one call."""
    fields = {"guarantee": "computes", "meaning": "", "draws": exercises.single} | fields
    return Law("toy", needs=Requirement.on(Capability.EXERCISE), check=check, **fields)


def answering(answer=(0.0, 0.0, 0.0)):
    """Make a subject that counts its calls and always answers the same."""

    def fn(seed, x, y, lr):
        fn.calls += 1
        return list(answer)

    fn.calls = 0
    return Exercise(fn)


def run(checked, subject=None, *, memory=None, **effort):
    effort = Effort(**{"max_examples": 100, "seed": 1, **effort})
    return judge(checked, subject or answering(), effort, memory or CallCache(), "toy.py:fn")


def test_a_law_that_nothing_breaks_is_held():
    """All examples are judged, and labels are counted."""
    verdict = run(law(lambda call: label("one row", call.problem.rows == 1)))

    assert (verdict.outcome, verdict.examples) == ("held", 100)
    assert 0 < verdict.labels["one row"] < 100


def test_a_counterexample_is_the_smallest():
    """Examples count up to the first failure; the problem is shrunk to what the failure needs."""

    def check(call):
        if call.problem.seed > 1000 and call.problem.rows > 1:
            refute("too large", assertion="False", leaf="seed", observed=float("nan"))

    verdict = run(law(check))

    assert verdict.outcome == "refuted"
    assert 1 <= verdict.examples <= 100
    (problem,) = verdict.counterexample.problems
    assert (problem["seed"], problem["rows"], problem["features"]) == (1001, 2, 1)
    assert (problem["regime"], problem["learning_rate"], problem["fill"]) == ("ordinary", 1.0, 0)


def test_a_missed_budget_is_vacuous():
    """A law whose examples hardly exercise it has not held."""
    verdict = run(law(lambda call: None, budget={"never seen": 0.3}))

    assert verdict.outcome == "vacuous"
    assert verdict.reason == "only 0 of 100 examples had: never seen (budget 30%)"


def test_a_law_has_not_run_where_the_code_gives_it_too_little():
    """As its problems are, the fault is not the strategy's: a correct program is not failed."""
    verdict = run(law(lambda call: None, evidence={"never seen": 0.3}))

    assert (verdict.outcome, verdict.examples) == ("not-run", 100)
    assert "only 0 of 100 examples had: never seen" in verdict.reason


def test_a_budget_is_not_judged_on_few_examples():
    """Below 50 examples a share says little; and chance alone makes no law vacuous."""
    assert run(law(lambda call: None, budget={"never": 0.3}), max_examples=20).outcome == "held"
    assert unmet({"x": 0.3}, {"x": 12}, 100) is None
    assert unmet({"x": 0.3}, {"x": 5}, 100) is not None


@pytest.mark.parametrize(("of_subject", "outcome"), [(True, "not-run"), (False, "vacuous")])
def test_inconclusive_examples_are_no_support(of_subject, outcome):
    """Where the code shows nothing the law has not run; where the problems do, it is vacuous."""

    def check(call):
        raise Inconclusive("nothing to see", subject=of_subject)

    verdict = run(law(check))

    assert (verdict.outcome, verdict.examples) == (outcome, 0)
    assert "nothing to see" in verdict.reason


def test_a_failure_that_does_not_recur_is_a_finding():
    """Hidden state refutes the law as not repeatable; it does not crash the run."""
    seen = []

    def check(call):
        seen.append(call)
        if len(seen) == 7:
            refute("the seventh", assertion="False")

    verdict = run(law(check, fresh_from=0))

    assert verdict.outcome == "refuted"
    assert NOT_REPEATABLE in verdict.reason
    assert verdict.counterexample.problems


def test_a_drawing_that_fails_once_is_an_error_of_the_drawing():
    """Such as a file that was not there for a moment, in a strategy of the user's."""
    drawn = []

    def draw(problems):
        drawn.append(problems)
        if len(drawn) == 7:
            raise OSError("not there for a moment")
        return problems

    def shaky(subject, shapes):
        return exercises.single(subject, shapes).map(draw)

    verdict = run(law(lambda call: None, draws=shaky))

    assert verdict.outcome == "error"
    assert verdict.reason == (
        "drawing a problem raised OSError: not there for a moment, and did not when it was drawn "
        "again"
    )


def test_laws_on_the_same_problems_share_the_calls():
    """The second law makes no call of its own; one about hidden state makes all of them."""
    subject, memory = answering(), CallCache()
    run(law(lambda call: None), subject, memory=memory)
    calls = subject.fn.calls

    run(law(lambda call: None), subject, memory=memory)
    assert subject.fn.calls == calls

    run(law(lambda call: None, fresh_from=0), subject, memory=memory)
    assert subject.fn.calls == calls + 100


def test_a_law_that_varies_shared_problems_adds_its_own_call_alone():
    """The problem as it was drawn is another law's; a call that has to be fresh is made anew."""
    subject, memory = answering(), CallCache()
    run(law(lambda call: None), subject, memory=memory)
    calls = subject.fn.calls

    def and_again(subject, drawn):
        return drawn * 2

    run(law(lambda one, two: None, varies=and_again), subject, memory=memory)
    assert subject.fn.calls == calls

    run(law(lambda one, two: None, varies=and_again, fresh_from=1), subject, memory=memory)
    assert subject.fn.calls == calls + 100


def test_the_memory_is_bounded():
    """The oldest call is forgotten when a new one needs its place."""

    class Subject:
        pass

    @run_subject.register
    def _(subject: Subject, problem, **asked):
        return problem

    memory, subject = CallCache(), Subject()
    for problem in range(CAPACITY + 5):
        memory.run(subject, problem, watched=False)

    assert len(memory._calls) == CAPACITY


def test_what_another_subject_did_is_forgotten():
    """Or a process that judges one after the other would hold the calls of all."""
    subject, memory = answering(), CallCache()
    run(law(lambda call: None), subject, memory=memory)
    run(law(lambda call: None), answering(), memory=memory)
    calls = subject.fn.calls

    run(law(lambda call: None), subject, memory=memory)
    assert subject.fn.calls == 2 * calls


def test_shrinking_has_an_end():
    """A slow failure is reported as small as the time allowed, and stays a failure."""

    def check(call):
        time.sleep(0.02)
        if call.problem.seed > 5:
            refute("slow", assertion="False")

    started = time.monotonic()
    verdict = run(law(check), shrinking=0.5)

    assert verdict.outcome == "refuted"
    assert time.monotonic() - started < 10  # without the cap it takes Hypothesis up to 300 s


def test_a_slow_law_is_bounded_by_time_and_says_so():
    """What was judged until then counts, and is counted."""

    def check(call):
        time.sleep(0.15)

    verdict = run(law(check), seconds=2)

    assert verdict.outcome == "held"
    assert verdict.examples < 100
    assert f"stopped after {verdict.examples} of 100 examples" in verdict.reason
    assert run(law(check), max_examples=1, seconds=0.1).reason is None  # late, and complete


def test_a_law_that_was_cut_short_does_not_hold_on_nothing():
    """On a busy machine a correct program is not said to keep what no example showed."""

    def check(call):
        time.sleep(0.15)
        label("seen")

    held = run(law(check, evidence={"seen": 0.3}), seconds=2)
    empty = run(law(check, evidence={"never seen": 0.3}), seconds=2)

    assert held.outcome == "held"
    assert (empty.outcome, empty.examples < 50) == ("not-run", True)
    assert f"none of {empty.examples} examples had: never seen" in empty.reason


def test_a_failure_is_found_again_at_once():
    """The database belongs to one law on one subject."""
    database = InMemoryExampleDatabase()

    def check(call):
        if call.problem.seed == 2**31 - 1:
            refute("that one", assertion="False")

    first = run(law(check), max_examples=400, database=database)
    again = run(law(check), max_examples=400, database=database, seed=2)

    assert first.outcome == again.outcome == "refuted"
    assert again.examples == 1
    assert run(law(lambda call: None), database=database).outcome == "held"


def test_the_same_seed_draws_the_same_problems():
    """A verdict can be had again from the seed in the report."""

    def drawn(seed):
        problems = []
        run(law(lambda call: problems.append(call.problem)), seed=seed)
        return problems

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_problems_cover_what_goes_wrong_at_the_edges():
    """Findability: every shape of the pool, every regime, and the seeds that conversions lose."""
    problems = []
    run(law(lambda call: problems.append(call.problem)), max_examples=400)

    assert {(p.rows, p.features) for p in problems} >= {(s.rows, s.features) for s in EDGES}
    assert len({p.regime for p in problems}) == 8
    assert {0 < p.seed <= 100 for p in problems} == {True, False}
    assert sum(int(np.float32(p.seed)) != p.seed for p in problems) > 40
    assert sum(p.seed >= 2**31 for p in problems) > 20
    assert sum(p.learning_rate >= 1 for p in problems) > 100


def test_the_pool_rotates():
    """The edges stay; the other shapes change with the night's seed, and are twelve in all."""
    assert pool(0)[: len(EDGES)] == pool(1)[: len(EDGES)] == EDGES
    assert pool(0) != pool(1)
    assert len(pool(5)) == 12


def test_a_busy_machine_takes_no_example_away():
    """Eight others want the cores, and what a law rests on stays the same."""

    def check(call):
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass

    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    try:
        verdict = run(law(check), seconds=8)  # of which it may draw for four
    finally:
        for each in busy:
            each.kill()

    assert (verdict.outcome, verdict.examples, verdict.reason) == ("held", 100, None)


def test_a_busy_machine_leaves_no_counterexample_larger(monkeypatch):
    """A law that waits for a core has no less time to make one smaller."""

    def check(call):
        if call.problem.seed > 1000:
            refute("too large", assertion="False")

    waiting = itertools.count(time.monotonic(), 60.0)
    monkeypatch.setattr(drawing, "monotonic", lambda: next(waiting), raising=False)

    (problem,) = run(law(check)).counterexample.problems

    assert problem["seed"] == 1001


def test_what_the_compiler_takes_is_not_the_subjects(monkeypatch):
    """A program that compiles for each example is judged by as many examples as any."""
    clock, compiler = itertools.count(step=60.0), itertools.count(step=60.0)
    monkeypatch.setattr(drawing, "own_time", lambda: next(clock))
    monkeypatch.setattr(compilations, "seconds_compiling", lambda: next(compiler))

    assert run(law(lambda call: None), max_examples=20, seconds=30).examples == 20
