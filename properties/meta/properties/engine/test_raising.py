"""Where a subject raises under some optimizers, they are named, and the others have verdicts."""

import pytest

from frostproof import OptaxFreeze, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import Effort, judge
from frostproof.properties.engine.raising import PATIENCE, ByOptimizer, judged_without
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.accepted.wrappers.optax_features import only_where_it_runs
from frostproof.reference.corpus.specimens.wrappers.transformations import (
    no_moments,
)

FEW = Optimizers("sgd", "momentum", "adam")
RAISES = "see training-runs"


def judged(law, subject, examples=30):
    return judge(BY_ID[law], subject, Effort(examples, 0), CallCache(), "own")


@pytest.mark.parametrize("law", ["frozen-value", "trainable-moves", "repeatable"])
def test_what_runs_has_its_verdicts(law):
    """The law holds, by as many examples as anywhere, and says what it is not about."""
    verdict = judged(law, OptaxFreeze(no_moments, optimizers=FEW))

    assert verdict.outcome == "held"
    assert verdict.examples > 20
    assert verdict.reason == f"not judged under sgd, where each example raised: {RAISES}"


def test_what_raises_is_named():
    """The law about it names all that raise, and what runs."""
    verdict = judged("training-runs", OptaxFreeze(no_moments, optimizers=FEW))

    assert verdict.outcome == "error"
    assert verdict.counterexample.cause == "it raises under sgd; it runs under momentum, adam"


def test_what_always_raises_has_no_verdict():
    """Nothing is held where nothing ran, and no optimizer is to blame."""

    def freeze(optimizer, mask):
        raise RuntimeError("not today")

    subject = OptaxFreeze(freeze, optimizers=FEW)

    silent = judged("frozen-value", subject)

    assert silent.outcome == "not-run"
    assert silent.reason == f"{RAISES}: the wrapper raised RuntimeError: not today"
    assert judged("training-runs", subject).counterexample.cause is None


def test_a_promise_of_what_runs_is_enough():
    """A program that names the optimizers it is for raises nowhere."""
    verdict = judged("frozen-value", only_where_it_runs)

    assert (verdict.outcome, verdict.examples, verdict.reason) == ("held", 30, None)


def test_an_optimizer_that_ran_once_is_not_left_out():
    """What raises by chance, or for a shape, stays in the count of inconclusive examples."""

    class Problem:
        def __init__(self, name):
            self.optimizer = type("Row", (), {"name": name, "inner": None})

    seen = ByOptimizer()
    for name in ("sgd", "adam"):
        for _ in range(PATIENCE):
            seen.note(Problem(name), finished=False)
    assert not seen.raising  # under none it ran: the optimizer is not to blame

    seen.note(Problem("adam"), finished=True)
    assert seen.raising == {"sgd": PATIENCE}
    assert (seen.gives_up(Problem("sgd")), seen.gives_up(Problem("adam"))) == (True, False)


def test_what_raises_by_itself_is_named_once():
    """Behind clipping it raises, too; what raises there alone is named so."""
    raising = ["adam", "adam in clip", "lion in clip"]

    assert judged_without(raising).startswith("not judged under adam, lion in clip, where")
    assert judged_without([]) is None
