"""Laws of one strategy are given the same problems, which are drawn once."""

from types import SimpleNamespace

from hypothesis.database import InMemoryExampleDatabase

from frostproof import OptaxFreeze, Optimizers
from frostproof.properties.engine import call_cache
from frostproof.properties.engine.call_cache import CallCache, DrawnProblems
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import NOT_REPEATABLE, judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Law, refute
from frostproof.reference.corpus.specimens.wrappers.transformations import no_moments
from frostproof.reference.subjects.capability import Capability, Requirement
from frostproof.reference.subjects.exercise import Exercise
from frostproof.strategies.problems import exercises

SUBJECT = Exercise(lambda seed, x, y, lr: [0.0, 0.0, 0.0], api="linen")


class Counting:
    """Draws single problems, and counts how often it did."""

    def __init__(self):
        self.drawn = 0

    def __call__(self, subject, shapes):
        def count(problems):
            self.drawn += 1
            return problems

        return exercises.single(subject, shapes).map(count)


def verdict(check, draws, memory, **effort):
    needs = Requirement.on(Capability.EXERCISE)
    law = Law("toy", "computes", needs, draws, check, meaning="")
    return judge(law, SUBJECT, Effort(**{"max_examples": 100, "seed": 1} | effort), memory, "a")


def large(call):
    if call.problem.seed > 1000:
        refute("too large", assertion="False")


def test_the_second_law_is_given_what_was_drawn_for_the_first():
    """It is judged on the same problems in the same order, of which none is drawn again."""
    draws, memory, seen = Counting(), CallCache(), ([], [])
    for each in seen:
        found = verdict(lambda call, each=each: each.append(call.problem), draws, memory)
        assert (found.outcome, found.examples) == ("held", 100)
    assert draws.drawn == 100
    assert seen[0] == seen[1]

    verdict(lambda call: None, draws, memory, seed=2)
    assert draws.drawn == 200


def test_what_fails_on_problems_of_another_law_is_made_smaller():
    """It fails at the same example, and as small, as for a law that is judged alone."""
    draws, memory = Counting(), CallCache()
    alone = verdict(large, draws, CallCache())
    verdict(lambda call: None, draws, memory)
    after = verdict(large, draws, memory)

    assert after.outcome == "refuted"
    assert after.examples == alone.examples
    assert after.counterexample.problems == alone.counterexample.problems
    assert after.counterexample.problems[0]["seed"] == 1001


def test_a_failure_that_does_not_come_again_is_not_lost():
    """It fails once on a problem of another law, and never when Hypothesis draws that."""
    draws, memory, failed = Counting(), CallCache(), []

    def once(call):
        if not failed and call.problem.seed > 1000:
            failed.append(call)
            large(call)

    verdict(lambda call: None, draws, memory)
    found = verdict(once, draws, memory)

    assert found.outcome == "refuted"
    assert NOT_REPEATABLE in found.reason


def test_failures_of_an_earlier_run_come_first():
    """A law with failures in the database is drawn for by itself."""
    draws, database = Counting(), InMemoryExampleDatabase()
    verdict(large, draws, CallCache(), database=database)

    memory = CallCache()
    needs = Requirement.on(Capability.EXERCISE)
    other = Law("other", "computes", needs, draws, lambda call: None, meaning="")
    effort = Effort(max_examples=100, seed=2, database=database)
    assert judge(other, SUBJECT, effort, memory, "a").outcome == "held"
    again = verdict(large, draws, memory, seed=2, database=database)

    assert again.outcome == "refuted"
    assert again.examples == 1


def test_a_law_that_gives_up_an_optimizer_is_drawn_for_by_itself():
    """Where the subject raises under one optimizer, it is judged as it is alone, whatever other
    law was judged before on the same problems.
    """
    subject = OptaxFreeze(no_moments, optimizers=Optimizers("sgd", "momentum", "adam"))
    law, memory = BY_ID["frozen-value"], CallCache()
    easy = Law("easy", "value", law.needs, law.draws, lambda run: None, meaning="")
    effort = Effort(max_examples=60, seed=1)

    alone = judge(law, subject, effort, CallCache(), "a")
    assert judge(easy, subject, effort, memory, "a").outcome == "held"
    after = judge(law, subject, effort, memory, "a")

    assert "not judged under sgd" in after.reason
    assert (after.outcome, after.examples, after.labels) == (
        alone.outcome,
        alone.examples,
        alone.labels,
    )


def test_calls_are_remembered_as_long_as_there_is_memory_for_them(monkeypatch):
    """The oldest are forgotten first, and the newest is kept whatever it takes."""
    memory, ran = CallCache(), []

    def run(problem):
        calls = len(ran)
        memory.run(SUBJECT, problem, watched=False)
        return len(ran) > calls

    def call(subject, problem, **options):
        ran.append(problem)
        return SimpleNamespace(nbytes=problem, raised=None)

    monkeypatch.setattr("frostproof.reference.observation.run.run", call)
    monkeypatch.setattr(call_cache, "_BYTES", 10)

    assert [run(size) for size in (4, 5, 4, 5)] == [True, True, False, False]
    assert run(3)
    assert not run(5)
    assert run(4)
    assert run(11)
    assert not run(11)
    assert [run(size) for size in (3, 4, 3)] == [True, True, False]


def test_problems_are_remembered_as_long_as_there_is_memory_for_their_batches(monkeypatch):
    """A batch of images is a few megabytes, a hundred of them for each strategy."""
    monkeypatch.setattr(call_cache, "_BYTES", 10)
    drawn = DrawnProblems()

    for key, size in {"a": 4, "b": 6, "c": 1, "d": 30}.items():
        drawn.remember(key, [(SimpleNamespace(nbytes=size),)], None)
        known = [each for each in "abcd" if drawn.of(each, None)]
        assert known == {"a": ["a"], "b": ["a", "b"], "c": ["b", "c"], "d": ["d"]}[key]
