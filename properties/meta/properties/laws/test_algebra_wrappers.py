"""Laws of repetition and algebra on Optax wrappers: they hold on correct code, and they stop."""

import jax
import jax.numpy as jnp
import optax
import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.register import specimens_in
from frostproof.reference.corpus.specimens.recipes.wrapper_recipe import partitioned, rate_halved
from frostproof.reference.corpus.specimens.wrappers import algebra as optax_algebra
from frostproof.reference.corpus.specimens.wrappers.algebra import FEW, Replacing
from frostproof.reference.subjects.optax_wrapper import OptaxFreeze
from frostproof.strategies.optimizers import named

LAWS = sorted({fn.specimen.law for fn in specimens_in(optax_algebra)})


def verdict(law, subject):
    effort = Effort(max_examples=8, seed=1, shrinking=0)
    return judge(BY_ID[law], subject, effort, CallCache(), "subject.py:subject")


@pytest.mark.parametrize("law", LAWS)
def test_a_law_holds_on_what_the_specimens_are_made_of(law):
    """A partition of the parameters breaks none of the laws that its variations break."""
    assert verdict(law, OptaxFreeze(partitioned, optimizers=FEW)).outcome == "held"


def test_what_cannot_be_done_twice_is_not_judged():
    """A wrapper that takes no wrapped optimizer is not accused of what it does with one."""

    def once(opt, mask):
        if hasattr(opt, "frozen"):
            raise TypeError("frozen already")
        return type("Once", (), {"frozen": True, **partitioned(opt, mask)._asdict()})

    found = verdict("freeze-twice", OptaxFreeze(once, optimizers=FEW))

    assert (found.outcome, found.reason) == (
        "not-run",
        "the subject cannot do this: it raises TypeError",
    )


def test_no_update_is_compared_that_turns_on_a_sign():
    """Under lion a rounding can turn a whole step: only the fate of frozen leaves is compared."""
    lion = named("lion", learning_rates=(0.1,))

    assert verdict("freeze-nothing", OptaxFreeze(rate_halved, optimizers=lion)).outcome == "held"
    assert verdict("freeze-order", OptaxFreeze(Replacing, optimizers=lion)).outcome == "refuted"


def test_a_frozen_leaf_that_rounding_moves_is_left_to_the_laws_of_frozen_leaves():
    """Under schedule-free averages a gradient of zero freezes nothing: `(1 - c) * x + c * x` rounds
    to another value, and where it is compiled to what `x` was.
    """
    schedule_free = OptaxFreeze(
        lambda opt, mask: optax.chain(optax.freeze(mask), opt),
        optimizers=named("schedule_free_adamw", learning_rates=(1.0,)),
    )
    effort = Effort(max_examples=50, seed=2, shrinking=0)

    compared = judge(BY_ID["eager-equals-jit"], schedule_free, effort, CallCache(), "subject.py")

    assert compared.outcome == "held"
    assert verdict("frozen-value", schedule_free).outcome == "refuted"


def test_a_frozen_leaf_that_becomes_no_number_in_one_run_is_not_rounded():
    """No comparison with NaN is true, whichever run it comes from."""

    def broken(opt, mask):
        frozen = partitioned(opt, mask)

        def update(updates, state, params=None):
            updates, state = frozen.update(updates, state, params)
            if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(updates)):
                updates = jax.tree.map(lambda leaf: leaf * jnp.nan, updates)
            return updates, state

        return optax.GradientTransformation(frozen.init, update)

    found = verdict("eager-equals-jit", OptaxFreeze(broken, optimizers=FEW))

    assert found.outcome == "refuted"
