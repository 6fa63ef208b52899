"""Each faulty exercise is refuted by the law that is about its fault."""

from dataclasses import replace

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID, EXERCISE_LAWS
from frostproof.properties.meta.measurements.kills import Unhurried
from frostproof.reference.corpus.register import EXERCISES, escapes, specimens
from frostproof.reference.subjects.exercise import Exercise
from frostproof.strategies.values import EDGES

#: Found as it is: how small a counterexample gets is another test's business.
EFFORT = Unhurried(max_examples=100, seed=0, shrinking=0)


def target(fn):
    return fn.specimen.target


@pytest.mark.parametrize("fn", specimens(*EXERCISES), ids=target)
def test_a_specimen_dies_by_its_law(fn):
    """The law that a specimen names refutes it within 100 examples."""
    specimen = fn.specimen
    subject = Exercise(fn, specimen.kind)

    verdict = judge(BY_ID[specimen.law], subject, EFFORT, CallCache(), fn.__name__)

    assert verdict.outcome in ("refuted", "error"), (specimen.fault, verdict)


@pytest.mark.parametrize("fn", escapes(), ids=target)
def test_an_escape_is_known(fn):
    """A fault that three numbers and the x-ray cannot show stays undetected, and written down."""
    subject, memory = Exercise(fn, fn.specimen.kind), CallCache()
    # More would show no more of it, and other shapes neither.
    effort = replace(EFFORT, max_examples=20, shapes=EDGES[4:5])

    verdicts = {law.id: judge(law, subject, effort, memory, fn.__name__) for law in EXERCISE_LAWS}

    assert {v.outcome for v in verdicts.values()} <= {"held", "not-run"}, verdicts
