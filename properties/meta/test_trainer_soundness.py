"""No law accuses a correct wrapper or trainer of breaking a promise, however it is written."""

import itertools

import jax
import pytest

from frostproof.properties.agenda import Subject, agenda
from frostproof.properties.engine import Effort, judge
from frostproof.properties.memory import Memory
from frostproof.reference.accepted import TRAINERS
from frostproof.reference.loading import load
from frostproof.strategies.probing import able

#: A handful, since nearly each is a compilation; `soundness.py` draws as many as wanted.
EFFORT = Effort(max_examples=4, seed=0, shrinking=0)

#: Counts the subjects of this process.
JUDGED = itertools.count(1)


@pytest.fixture(autouse=True)
def programs_forgotten():
    """Give compiled programs back after some subjects: thousands of them in one process run into
    the system's limit of memory maps, and XLA dies of that.
    """
    yield
    if next(JUDGED) % 16 == 0:
        jax.clear_caches()


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        pytest.param(*each, id=each[0].replace(":", ".").split("accepted.")[1].replace(".", "-"))
        for each in TRAINERS
    ],
)
def test_a_correct_program_is_accepted(target, kind):
    """Every law of its promise holds for it, or has a reason not to run."""
    value, memory = load(target, kind), Memory()
    subject = Subject(target, kind, value, abilities=able(value), promise=tuple(value.promise))
    items, _ = agenda([subject])

    verdicts = {
        item.law.id: judge(item.law, value, EFFORT, memory, target)
        for item in items
        if item.promised and item.unable is None
    }

    accused = {
        (target.rpartition(":")[2], id): verdict.reason
        for id, verdict in verdicts.items()
        if verdict.outcome not in ("held", "not-run")
    }
    assert not accused
    assert verdicts["frozen-value"].outcome == "held"
