"""Laws of repetition and algebra on Optax wrappers: each holds on correct code, and refutes."""

import jax
import optax
import pytest

from frostproof.properties.book import BY_ID
from frostproof.properties.engine import Effort, judge
from frostproof.properties.memory import Memory
from frostproof.reference.optax_freeze import OptaxFreeze
from frostproof.strategies.optimizers import named

FEW = named("sgd", "momentum", learning_rates=(0.1,))


def verdict(law, subject):
    effort = Effort(max_examples=8, seed=1, shrinking=0)
    return judge(BY_ID[law], subject, effort, Memory(), "subject.py:subject")


def partition(opt, mask):
    labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
    return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": opt}, labels)


def empty_means_everything(opt, mask):
    none = not any(jax.tree.leaves(mask))
    return partition(opt, jax.tree.map(lambda frozen: True, mask) if none else mask)


def all_means_none(opt, mask):
    return opt if all(jax.tree.leaves(mask)) else partition(opt, mask)


def halves_the_rate(opt, mask):
    return optax.chain(partition(opt, mask), optax.scale(0.5))


class Replacing:
    """A freeze whose last mask replaces the one before it."""

    def __init__(self, opt, mask):
        self.opt = getattr(opt, "opt", opt)
        self.init, self.update = partition(self.opt, mask)


class Hidden:
    """Steps get longer over the life of the process."""

    calls = 0

    def __init__(self, opt, mask):
        self.init, self.frozen = partition(opt, mask)

    def update(self, gradients, state, params=None):
        Hidden.calls += 1
        updates, state = self.frozen(gradients, state, params)
        return jax.tree.map(lambda u: u * (1 + Hidden.calls / 64), updates), state


def trains_less_under_jit(opt, mask):
    made = partition(opt, mask)

    def update(gradients, state, params=None):
        updates, state = made.update(gradients, state, params)
        traced = isinstance(jax.tree.leaves(gradients)[0], jax.core.Tracer)
        return jax.tree.map(lambda u: u * 0.9, updates) if traced else updates, state

    return optax.GradientTransformation(made.init, update)


@pytest.mark.parametrize(
    ("law", "faulty"),
    [
        ("freeze-nothing", empty_means_everything),
        ("freeze-nothing", halves_the_rate),
        ("freeze-everything", all_means_none),
        ("freeze-twice", halves_the_rate),
        ("freeze-order", Replacing),
        ("repeatable", Hidden),
        ("eager-equals-jit", trains_less_under_jit),
    ],
)
def test_a_law_on_wrappers_tells_correct_from_faulty(law, faulty):
    """It holds on a partition of the parameters, and refutes the one that is wrong in this way."""
    assert verdict(law, OptaxFreeze(partition, optimizers=FEW)).outcome == "held"
    assert verdict(law, OptaxFreeze(faulty, optimizers=FEW)).outcome == "refuted"


def test_what_cannot_be_done_twice_is_not_judged():
    """A wrapper that takes no wrapped optimizer is not accused of what it does with one."""

    def once(opt, mask):
        if hasattr(opt, "frozen"):
            raise TypeError("frozen already")
        return type("Once", (), {"frozen": True, **partition(opt, mask)._asdict()})

    found = verdict("freeze-twice", OptaxFreeze(once, optimizers=FEW))

    assert (found.outcome, found.reason) == ("not-run", "this cannot be done with it: TypeError")


def test_no_update_is_compared_that_turns_on_a_sign():
    """Under lion a rounding can turn a whole step: only the fate of frozen leaves is compared."""
    lion = named("lion", learning_rates=(0.1,))

    assert (
        verdict("freeze-nothing", OptaxFreeze(halves_the_rate, optimizers=lion)).outcome == "held"
    )
    assert verdict("freeze-order", OptaxFreeze(Replacing, optimizers=lion)).outcome == "refuted"
