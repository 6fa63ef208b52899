"""Leaves that do not train are found under whatever optimizers a subject promises."""

from dataclasses import replace

import jax
import optax
import pytest
from hypothesis import strategies as st

from frostproof import OptaxFreeze, Optimizers, verify
from frostproof.properties.meta.properties.laws.standing import standing_of
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    mse,
    trainer,
)
from frostproof.reference.corpus.specimens.trainers.linen_models import off_by_one_layer
from frostproof.reference.corpus.specimens.wrappers.masks import everything_frozen
from frostproof.reference.corpus.specimens.wrappers.transformations import layers_by_prefix

#: Each moves leaves otherwise than by their gradients, or waits with it.
RESTLESS = {
    "a decay": Optimizers("adamw"),
    "the sign of a decay": Optimizers("adam", behind="add_decayed_weights"),
    "noise": Optimizers("noisy_sgd"),
    "an accumulator that begins above zero": Optimizers("yogi"),
    "every other step": Optimizers("sgd", behind="multi_steps"),
}


@pytest.mark.parametrize("promised", RESTLESS.values(), ids=RESTLESS)
def test_one_layer_too_many_is_seen_under_what_moves_all(promised):
    """Nothing that an optimizer does without a gradient is training."""
    verdict, reason = standing_of(replace(off_by_one_layer, optimizers=promised))

    assert verdict == "refuted"
    assert reason.startswith("layer_1/bias: trainable leaf ")


@pytest.mark.parametrize("promised", RESTLESS.values(), ids=RESTLESS)
def test_what_trains_is_not_accused(promised):
    """Its gradient moves it, too."""
    assert standing_of(trainer(optimizers=promised)) == ("held", None)


@pytest.mark.parametrize(
    ("faulty", "law"),
    [(everything_frozen, "trainable-moves"), (layers_by_prefix, "exact-selection")],
    ids=["everything frozen", "layers by prefix"],
)
def test_so_are_leaves_of_a_wrapper(faulty, law):
    """Which promises a decay alone."""
    subject = OptaxFreeze(faulty, optimizers=Optimizers("adamw"))
    (row,) = verify(subject, laws=[law], max_examples=30, seed=1).rows

    assert row.verdict == "refuted"
    assert "trainable leaf never moved" in row.reason


def test_what_is_unknown_of_other_optimizers_is_told():
    """One outside the catalogue may draw noise by the place of a leaf."""
    other = trainer(optimizers=st.just(optax.adamw(1e-3)))
    (row,) = verify(other, laws=["trains-as-if-alone"], max_examples=4, seed=1).rows

    assert row.verdict == "not-run"
    assert row.reason.startswith("the subject promises no optimizer that this law is about; name")


def test_a_leaf_that_another_optimizer_trains_is_not_accused():
    """The optimizer that is handed over gets zeros of it, and makes noise of them."""

    @jax.jit
    def train_step(state, batch):
        def loss(params):
            return mse(state.apply_fn({"params": params}, batch.x), batch.y)

        value, gradients = jax.value_and_grad(loss)(state.params)
        stopped = gradients | {"head": jax.tree.map(lambda leaf: 0 * leaf, gradients["head"])}
        state = state.apply_gradients(grads=stopped)
        head = jax.tree.map(lambda p, g: p - 0.1 * g, state.params["head"], gradients["head"])
        return state.replace(params=state.params | {"head": head}), value

    by_hand = trainer(
        model=Layers(("body", "mid", "head")), step=train_step, optimizers=Optimizers("noisy_sgd")
    )
    assert standing_of(by_hand) == ("held", None)
