"""Each faulty wrapper or trainer is refuted by its law, as quickly as that law can."""

from dataclasses import replace

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import NOT_REPEATABLE, judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.measurements.kills import Unhurried
from frostproof.reference.corpus.register import TRAININGS, specimens
from frostproof.reference.subjects.loading import as_subject

#: Found as it is: how small a counterexample gets is another test's business.
EFFORT = Unhurried(max_examples=100, seed=0, shrinking=0)

#: What is judged when the run is over makes all examples: a few show what never moves.
FEW = replace(EFFORT, max_examples=5)

every_specimen = pytest.mark.parametrize(
    "fn", specimens(*TRAININGS), ids=lambda fn: fn.specimen.target
)


@every_specimen
def test_a_specimen_dies_by_its_law(fn):
    """The law that a specimen names refutes it within 100 examples."""
    specimen = fn.specimen
    law, subject = BY_ID[specimen.law], as_subject(fn, specimen.kind)
    effort = FEW if law.over_the_run else EFFORT

    verdict = judge(law, subject, effort, CallCache(), specimen.subject_name)

    assert verdict.outcome in ("refuted", "error"), (specimen.fault, verdict)
    # A fault that outlives a run is not the same twice; every other one has to be.
    assert law.fresh or NOT_REPEATABLE not in verdict.reason


@every_specimen
def test_a_specimen_says_what_is_wrong(fn):
    """One sentence on the fault, and where such a thing was met."""
    assert fn.specimen.fault.endswith(".")
    assert fn.specimen.seen
