"""Programs that do other things under some optimizers: no proof of any, and judged under those."""

import jax
import jax.numpy as jnp
import optax
import pytest

from frostproof import OptaxFreeze, verify
from frostproof.properties.proofs.claims import ONE_RATE
from frostproof.properties.proofs.provable import CHECKED
from frostproof.properties.proofs.proving import prove_promised
from frostproof.reference.optimizers.declared import Optimizers


def freezing_unless(looks):
    """Return a wrapper that freezes unless the state of the optimizer looks like this."""

    def freeze(optimizer, mask):
        def update(gradients, state, params=None):
            updates, state = optimizer.update(gradients, state, params)
            if looks(state):
                return updates, state
            return jax.tree.map(lambda m, u: jnp.zeros_like(u) if m else u, mask, updates), state

        return optax.GradientTransformation(optimizer.init, update)

    return freeze


LOOKS = {
    "isinstance": lambda state: isinstance(state[0], optax.ScaleByRssState),
    "an attribute": lambda state: hasattr(state[0], "sum_of_squares"),
    "the name of its type": lambda state: type(state[0]).__name__ == "ScaleByRssState",
    "its text": lambda state: "ScaleByRssState" in repr(state),
    "each node": lambda state: any(
        isinstance(node, optax.ScaleByRssState)
        for node in jax.tree.leaves(
            state, is_leaf=lambda node: isinstance(node, optax.ScaleByRssState)
        )
    ),
    "Optax": lambda state: optax.tree_utils.tree_get(state, "sum_of_squares") is not None,
}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_program_that_looks_at_the_optimizer_is_proved_under_none_it_fails_under(looks):
    """Any optimizer stands for all: to what it is asked, it answers what no real one would."""
    subject = OptaxFreeze(freezing_unless(looks), optimizers=Optimizers("sgd", "adam", "adagrad"))

    standing = prove_promised(subject)

    assert "frozen-value" not in standing.proved
    assert standing.in_the_way["frozen-value"].name == "adagrad"


def test_what_is_proved_at_one_rate_says_so():
    """A program that looks at the optimizer is not traced at an open rate."""
    freeze = freezing_unless(lambda state: isinstance(state, optax.MaskedState))
    right = OptaxFreeze(freeze, optimizers=Optimizers("sgd", "adam"))
    plain = OptaxFreeze(freezing_unless(lambda state: False), optimizers=Optimizers("sgd", "adam"))

    assumed = [prove_promised(each).proved["frozen-value"].assumptions for each in (right, plain)]

    assert [ONE_RATE in each for each in assumed] == [True, False]


@pytest.mark.parametrize("seed", range(3))
def test_the_optimizer_in_the_way_of_a_proof_is_drawn_first(seed):
    """Of a promise of all, each row comes up in a few examples of a hundred, or in none."""
    subject = OptaxFreeze(freezing_unless(LOOKS["isinstance"]), optimizers="all")

    (row,) = verify(subject, laws=["frozen-value"], max_examples=CHECKED, seed=seed).rows

    assert row.verdict == "refuted"
    assert row.examples <= 2 * CHECKED
    assert row.counterexample["problems"][0]["optimizer"]["name"] == "adagrad"
