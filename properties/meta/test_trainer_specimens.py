"""Each faulty wrapper or trainer is refuted by its law, and each law refutes one of them."""

from dataclasses import replace
from importlib import import_module

import pytest

from frostproof.properties.book import BY_ID, TREE_LAWS
from frostproof.properties.engine import Effort, judge
from frostproof.properties.memory import Memory
from frostproof.reference.loading import as_subject
from frostproof.reference.specimens import TRAINING_MODULES
from frostproof.reference.specimens.specimen import specimens_of

#: Found as it is: how small a counterexample gets is another test's business.
EFFORT = Effort(max_examples=100, seed=0, shrinking=0)

#: Judged over the run, so that all examples are made: a trainer needs few to show what never moves.
OVER_THE_RUN = ("trainable-moves", "exact-selection")
FEW = replace(EFFORT, max_examples=12)

#: Their specimens are elsewhere: they call trainers in other ways, or need a reference.
ELSEWHERE = {
    law.id
    for law in TREE_LAWS
    if law.check.__module__.rpartition(".")[2]
    in (
        "repeat_laws",
        "algebra_laws",
        "lifecycle_laws",
        "reference_laws",
    )
}

SPECIMENS = [
    pytest.param(subject, id=f"{name.rpartition('.')[2]}-{subject.specimen.subject_name}")
    for name in TRAINING_MODULES
    for subject in specimens_of(import_module(name)).values()
]


@pytest.mark.parametrize("fn", SPECIMENS)
def test_a_specimen_dies_by_its_law(fn):
    """The law that a specimen names refutes it within 100 examples."""
    specimen = fn.specimen
    subject = as_subject(fn, specimen.kind)
    few = specimen.law in OVER_THE_RUN and specimen.kind == "trainer"
    effort = FEW if few else EFFORT

    verdict = judge(BY_ID[specimen.law], subject, effort, Memory(), specimen.subject_name)

    assert verdict.outcome in ("refuted", "error"), (specimen.fault, verdict)


def test_each_law_refutes_a_specimen():
    """A law that no faulty program breaks would pass every program ever written."""
    named = {param.values[0].specimen.law for param in SPECIMENS}

    assert named - ELSEWHERE == {law.id for law in TREE_LAWS} - ELSEWHERE


@pytest.mark.parametrize("fn", SPECIMENS)
def test_a_specimen_says_what_is_wrong(fn):
    """One sentence on the fault, and where such a thing was met."""
    assert fn.specimen.fault.endswith(".")
    assert fn.specimen.seen
