"""No law accuses a correct program, however it is written: a taste of what `soundness.py` does."""

from dataclasses import replace

import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import EXERCISE_LAWS
from frostproof.properties.meta.reference.corpus.tasting import tasted
from frostproof.properties.plan.checks import NamedSubject, plan_checks
from frostproof.reference.corpus.register import EXERCISES, accepted_programs
from frostproof.reference.optimizers.catalogue import COMMON
from frostproof.reference.subjects.loading import load
from frostproof.reference.trials.probe import capabilities_of
from frostproof.strategies.optimizers import named, wrapped
from frostproof.strategies.values import EDGES

#: One for every second exercise, since an eager one compiles every operation for each of them.
SHAPES = (EDGES[0], EDGES[4])
#: A few, since nearly each is a compilation; `soundness.py` draws as many as wanted.
EXAMPLES = {"linen": 3, "nnx": 3, "optax": 2, "trainer": 2}


def one_of_the_common(number):
    """Return an optimizer of the common set for one program, and the next one for the next."""
    rounds, place = divmod(number, len(COMMON))
    plain = named(COMMON[place], learning_rates=(0.1,))
    return wrapped(plain, "clip_by_global_norm") if rounds % 2 else plain


@pytest.mark.parametrize(
    ("number", "target", "kind"),
    [
        pytest.param(number, *each, id=each.target)
        for number, each in enumerate(accepted_programs())
    ],
)
def test_a_correct_program_is_accepted(number, target, kind):
    """The laws of its promise hold for it, or have a reason not to run."""
    value, memory = load(target, kind), CallCache()
    if kind not in EXERCISES and value.optimizers == "common":
        value = replace(value, optimizers=one_of_the_common(number))
    subject = NamedSubject(
        target, kind, value, capabilities=capabilities_of(value), promise=tuple(value.promise)
    )
    items, _ = plan_checks([subject])
    laws = [item.law for item in items if item.promised and item.unable is None]
    always = "answer-loss-is-mse" if kind in EXERCISES else "frozen-value"
    effort = Effort(EXAMPLES[kind], seed=0, shrinking=0, shapes=(SHAPES[number % len(SHAPES)],))

    verdicts = {
        law.id: judge(law, value, effort, memory, target) for law in tasted(laws, number, always)
    }

    found = {id: (each.outcome, each.reason) for id, each in verdicts.items()}
    assert {outcome for outcome, _ in found.values()} <= {"held", "not-run"}, found
    assert verdicts[always].outcome == "held", found


def test_ten_programs_taste_all_laws():
    """Each another tenth, and the one that is always among them."""
    always = "answer-loss-is-mse"
    parts = [tasted(EXERCISE_LAWS, number, always) for number in range(10)]

    assert set().union(*parts) == set(EXERCISE_LAWS)
    assert all(len(part) < len(EXERCISE_LAWS) / 3 for part in parts)
    assert all(always in {law.id for law in part} for part in parts)
