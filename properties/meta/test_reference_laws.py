"""The laws that only reference trainers are held to: they hold on one without a fault."""

import pytest

from frostproof.properties.book import BY_ID
from frostproof.properties.engine import Effort, judge
from frostproof.properties.memory import Memory
from frostproof.properties.reference_laws import LAWS
from frostproof.reference.specimens import reference_trainers
from frostproof.reference.specimens.specimen import specimens_of


def test_each_law_has_a_faulty_trainer():
    """No law of the family is left without a fault that it finds."""
    faulty = specimens_of(reference_trainers).values()

    assert {fn.specimen.law for fn in faulty} == {law.id for law in LAWS}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.id)
def test_the_trainer_without_the_fault_is_not_accused(law):
    """What the specimens are made of breaks none of them."""
    effort = Effort(8, seed=0, shrinking=0)

    held = judge(BY_ID[law.id], reference_trainers.CORRECT, effort, Memory(), "sound")

    assert held.outcome == "held", held
