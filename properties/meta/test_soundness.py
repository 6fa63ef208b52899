"""No law accuses a correct program, however it is written: a taste of what `soundness.py` does."""

import itertools
from dataclasses import replace

import pytest

from frostproof.properties.book import EXERCISE_LAWS
from frostproof.properties.engine import Effort, judge
from frostproof.properties.memory import Memory
from frostproof.reference.accepted import EXERCISES
from frostproof.reference.loading import load
from frostproof.strategies.shapes import EDGES

#: One for every second program, since an eager one compiles every operation for each of them.
SHAPES = (EDGES[0], EDGES[4])


@pytest.mark.parametrize(
    ("shape", "target", "kind"),
    [
        pytest.param(shape, *each, id=each[0].rpartition(".")[2])
        for each, shape in zip(EXERCISES, itertools.cycle(SHAPES), strict=False)
    ],
)
def test_a_correct_program_is_accepted(shape, target, kind):
    """Every law holds for it, or has a reason not to run."""
    subject, memory = load(target, kind), Memory()
    effort = Effort(max_examples=3, seed=0, shapes=(shape,))
    watching = replace(effort, max_examples=1)  # a step that is watched is compiled anew

    verdicts = {
        law.id: judge(law, subject, watching if law.watched else effort, memory, target)
        for law in EXERCISE_LAWS
    }

    accused = {
        id: verdict.reason
        for id, verdict in verdicts.items()
        if verdict.outcome not in ("held", "not-run")
    }
    assert not accused
    assert verdicts["answer-loss-is-mse"].outcome == "held"
