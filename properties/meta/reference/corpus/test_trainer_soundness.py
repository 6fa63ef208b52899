"""No law accuses a correct wrapper or trainer of breaking a promise, however it is written."""

from dataclasses import replace

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.judge import Effort, judge
from frostproof.properties.meta.reference.corpus.tasting import tasted
from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.reference.corpus.register import TRAININGS, accepted_programs
from frostproof.reference.observation.probe import capabilities_of
from frostproof.reference.optimizers.catalogue import COMMON
from frostproof.reference.subjects.loading import load
from frostproof.strategies.optimizers import named, wrapped

#: A few, since nearly each is a compilation; `soundness.py` draws as many as wanted.
EFFORT = Effort(max_examples=2, seed=0, shrinking=0)


def one_of_the_common(number):
    """Return an optimizer of the common set for one program, and the next one for the next."""
    rounds, place = divmod(number, len(COMMON))
    plain = named(COMMON[place], learning_rates=(0.1,))
    return wrapped(plain, "clip_by_global_norm") if rounds % 2 else plain


@pytest.mark.parametrize(
    ("number", "target", "kind"),
    [
        pytest.param(number, *each, id=each.target)
        for number, each in enumerate(accepted_programs(*TRAININGS))
    ],
)
def test_a_correct_program_is_accepted(number, target, kind):
    """The laws of its promise hold for it, or have a reason not to run."""
    value, memory = load(target, kind), CallCache()
    if value.optimizers == "common":
        value = replace(value, optimizers=one_of_the_common(number))
    subject = NamedSubject(
        target, kind, value, capabilities=capabilities_of(value), promise=tuple(value.promise)
    )
    items, _ = plan_checks([subject])
    laws = [item.law for item in items if item.promised and item.unable is None]

    verdicts = {
        law.id: judge(law, value, EFFORT, memory, target)
        for law in tasted(laws, number, "frozen-value")
    }

    accused = {
        (target.rpartition(":")[2], id): verdict.reason
        for id, verdict in verdicts.items()
        if verdict.outcome not in ("held", "not-run")
    }
    assert not accused
    assert verdicts["frozen-value"].outcome == "held"
