"""No law accuses a correct program, however it is written: a taste of what `soundness.py` does."""

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import Effort, judge
from frostproof.properties.laws.book import EXERCISE_LAWS
from frostproof.properties.meta.reference.corpus.tasting import tasted
from frostproof.reference.corpus.register import EXERCISES, accepted_programs
from frostproof.reference.subjects.loading import load
from frostproof.strategies.values import EDGES

#: One for every second program, since an eager one compiles every operation for each of them.
SHAPES = (EDGES[0], EDGES[4])


@pytest.mark.parametrize(
    ("number", "target", "kind"),
    [
        pytest.param(number, *each, id=each.target)
        for number, each in enumerate(accepted_programs(*EXERCISES))
    ],
)
def test_a_correct_program_is_accepted(number, target, kind):
    """The laws hold for it, or have a reason not to run."""
    subject, memory = load(target, kind), CallCache()
    effort = Effort(max_examples=3, seed=0, shapes=(SHAPES[number % len(SHAPES)],))

    verdicts = {
        law.id: judge(law, subject, effort, memory, target)
        for law in tasted(EXERCISE_LAWS, number, "answer-loss-is-mse")
    }

    accused = {
        id: verdict.reason
        for id, verdict in verdicts.items()
        if verdict.outcome not in ("held", "not-run")
    }
    assert not accused
    assert verdicts["answer-loss-is-mse"].outcome == "held"


def test_ten_programs_taste_all_laws():
    """Each another tenth, and the one that is always among them."""
    always = "answer-loss-is-mse"
    parts = [tasted(EXERCISE_LAWS, number, always) for number in range(10)]

    assert set().union(*parts) == set(EXERCISE_LAWS)
    assert all(len(part) < len(EXERCISE_LAWS) / 3 for part in parts)
    assert all(always in {law.id for law in part} for part in parts)
