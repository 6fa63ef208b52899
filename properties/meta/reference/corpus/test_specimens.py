"""Each faulty program is refuted by the law that is about its fault, as quickly as that law can."""

from dataclasses import replace

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import NOT_REPEATABLE, judge
from frostproof.properties.laws.book import BY_ID, EXERCISE_LAWS
from frostproof.reference.corpus.register import escapes, specimens
from frostproof.reference.subjects.loading import as_subject
from frostproof.strategies.values import EDGES

#: Found as it is: how small a counterexample gets is another test's business.
EFFORT = Effort(max_examples=100, seed=0, shrinking=0)

#: What is judged when the run is over makes all examples: a few show what never moves.
FEW = 5


def target(fn):
    return fn.specimen.target


@pytest.mark.parametrize("fn", specimens(), ids=target)
def test_a_specimen_dies_by_its_law(fn):
    """The law that a specimen names refutes it within 100 examples."""
    specimen = fn.specimen
    law, subject = BY_ID[specimen.law], as_subject(fn, specimen.kind)
    effort = replace(EFFORT, max_examples=FEW) if law.over_the_run else EFFORT

    verdict = judge(law, subject, effort, CallCache(), specimen.subject_name)

    assert verdict.outcome in ("refuted", "error"), (specimen.fault, verdict)
    # A fault that outlives a run is not the same twice; every other one has to be.
    assert law.fresh_from is not None or NOT_REPEATABLE not in verdict.reason


@pytest.mark.parametrize("fn", [*specimens(), *escapes()], ids=target)
def test_a_specimen_says_what_is_wrong(fn):
    """One sentence on the fault, and where such a thing was met."""
    assert fn.specimen.fault.endswith(".")
    assert fn.specimen.seen


@pytest.mark.parametrize("fn", escapes(), ids=target)
def test_an_escape_is_known(fn):
    """A fault that three numbers and the x-ray cannot show stays undetected, and written down."""
    subject, memory = as_subject(fn, fn.specimen.kind), CallCache()
    # More would show no more of it, and other shapes neither.
    effort = replace(EFFORT, max_examples=20, shapes=EDGES[4:5])

    verdicts = {law.id: judge(law, subject, effort, memory, fn.__name__) for law in EXERCISE_LAWS}

    assert {v.outcome for v in verdicts.values()} <= {"held", "not-run"}, verdicts
