"""Each faulty wrapper or trainer is refuted by its law, as quickly as that law can."""

from dataclasses import replace
from importlib import import_module

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import NOT_REPEATABLE, judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.measurements.kills import Unhurried
from frostproof.reference.corpus.specimens import TRAINING_MODULES
from frostproof.reference.corpus.specimens.specimen import specimens_of
from frostproof.reference.subjects.loading import as_subject

#: Found as it is: how small a counterexample gets is another test's business.
EFFORT = Unhurried(max_examples=100, seed=0, shrinking=0)

#: What is judged when the run is over makes all examples: a few show what never moves.
FEW = replace(EFFORT, max_examples=5)

SPECIMENS = [
    pytest.param(subject, id=f"{name.rpartition('.')[2]}-{subject.specimen.subject_name}")
    for name in TRAINING_MODULES
    for subject in specimens_of(import_module(name)).values()
]


@pytest.mark.parametrize("fn", SPECIMENS)
def test_a_specimen_dies_by_its_law(fn):
    """The law that a specimen names refutes it within 100 examples."""
    specimen = fn.specimen
    law, subject = BY_ID[specimen.law], as_subject(fn, specimen.kind)
    effort = FEW if law.over_the_run else EFFORT

    verdict = judge(law, subject, effort, CallCache(), specimen.subject_name)

    assert verdict.outcome in ("refuted", "error"), (specimen.fault, verdict)
    # A fault that outlives a run is not the same twice; every other one has to be.
    assert law.fresh or NOT_REPEATABLE not in verdict.reason


@pytest.mark.parametrize("fn", SPECIMENS)
def test_a_specimen_says_what_is_wrong(fn):
    """One sentence on the fault, and where such a thing was met."""
    assert fn.specimen.fault.endswith(".")
    assert fn.specimen.seen
