"""Programs that do other things under some optimizers: no proof of any, and judged under those."""

import jax
import jax.numpy as jnp
import optax
import pytest
from hypothesis import strategies as st

from frostproof import OptaxFreeze, verify
from frostproof.properties.proofs.claims import ONE_RATE, OTHER_STATES
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


def _by_a_pattern(state):
    match state:
        case (optax.ScaleByRssState(), *_):
            return True
    return False


def _unpacked(state):
    first, *_ = state
    return isinstance(first, optax.ScaleByRssState)


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
    "its very type": lambda state: type(state[0]) is optax.ScaleByRssState,
    "a pattern": _by_a_pattern,
    "the number of its parts": lambda state: len(state) == 2 and len(state[0]) == 1,
    "unpacking": _unpacked,
    "the names of its leaves": lambda state: (
        "sum_of_squares" in str(jax.tree.leaves_with_path(state))
    ),
    "its structure": lambda state: "ScaleByRssState" in str(jax.tree.structure(state)),
    "Optax": lambda state: optax.tree_utils.tree_get(state, "sum_of_squares") is not None,
}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_program_that_looks_at_the_optimizer_is_proved_under_none_it_fails_under(looks):
    """Any optimizer stands for all: to what it is asked, it answers what no real one would."""
    subject = OptaxFreeze(freezing_unless(looks), optimizers=Optimizers("sgd", "adam", "adagrad"))

    standing = prove_promised(subject)

    assert "frozen-value" not in standing.proved
    assert standing.in_the_way["frozen-value"].name == "adagrad"


def test_a_program_that_looks_is_proved_for_all_rates():
    """It finds the state of a real optimizer, whatever the rate."""
    freeze = freezing_unless(lambda state: type(state) is not tuple)
    proved = prove_promised(OptaxFreeze(freeze, optimizers=Optimizers("sgd", "adam"))).proved

    assert "frozen-any-learning-rate" in proved
    assert ONE_RATE not in proved["frozen-value"].assumptions


@pytest.mark.parametrize(
    ("optimizers", "are_all"),
    [
        ("common", True),
        ("all", False),
        (st.sampled_from([optax.sgd(0.1), optax.adagrad(0.1)]), False),
    ],
    ids=["common", "all", "a strategy"],
)
def test_a_proof_says_if_it_rests_on_other_states(optimizers, are_all):
    """There are too many kinds of states in the catalogue, and any in a strategy."""
    subject = OptaxFreeze(freezing_unless(lambda state: False), optimizers=optimizers)
    looking = OptaxFreeze(freezing_unless(LOOKS["its very type"]), optimizers=optimizers)

    assert (OTHER_STATES in prove_promised(subject).proved["frozen-value"].assumptions) != are_all
    assert "frozen-value" not in prove_promised(looking).proved


def test_the_optimizer_in_the_way_of_a_proof_is_drawn_first():
    """Of a promise of all, each row comes up in a few examples of a hundred, or in none."""
    subject = OptaxFreeze(freezing_unless(LOOKS["isinstance"]), optimizers="all")

    (row,) = verify(subject, laws=["frozen-value"], max_examples=CHECKED, seed=1).rows

    assert row.verdict == "refuted"
    assert row.examples <= 2 * CHECKED
    assert row.counterexample["problems"][0]["optimizer"]["name"] == "adagrad"
