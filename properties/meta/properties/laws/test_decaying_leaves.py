"""What is said of a leaf that only decays: whether it trains, and whether the model uses it."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from hypothesis import strategies as st

from frostproof import Optimizers
from frostproof.properties.meta.properties.laws.standing import standing_of
from frostproof.reference.corpus.accepted.trainers.linen_layers import (
    unused_layer_under_a_penalty,
    unused_layer_under_adamw,
)
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    trainer,
    within,
)
from frostproof.reference.corpus.specimens.trainers.linen_models import (
    gradient_stopped_on_the_way,
    gradient_stopped_under_a_decay,
    gradient_stopped_under_a_penalty,
    gradient_stopped_under_a_small_decay,
)
from frostproof.reference.correct.wrappers import freeze_after_optimizer
from frostproof.reference.observation.decay import decays, hardly_moves
from frostproof.reference.observation.trajectory import Step
from frostproof.reference.problems.batches import Batch
from frostproof.reference.pytrees.snapshot import Snapshot, snapshot
from frostproof.reference.subjects.moment import Moment


@pytest.mark.parametrize(
    ("faulty", "verdict"),
    [(gradient_stopped_on_the_way, "refuted"), (gradient_stopped_under_a_penalty, "not-run")],
)
def test_a_program_may_always_be_given_one_batch(faulty, verdict):
    """Then nothing tells a penalty from the rest of the loss, and no penalty moves the other."""
    batch = Batch(np.linspace(-1, 2, 6, dtype=np.float32).reshape(2, 3), np.ones((2, 1), "f"))

    assert standing_of(replace(faulty, batches=st.just(batch)))[0] == verdict


@pytest.mark.parametrize(
    "faulty", [gradient_stopped_under_a_decay, gradient_stopped_under_a_penalty]
)
def test_a_decay_is_no_training(faulty):
    """That the model uses the layer is seen by its loss, of which a penalty may be a part."""
    verdict, reason = standing_of(faulty)

    assert verdict == "refuted"
    assert reason.startswith("stem/kernel: trainable leaf only decays, as here in 1 step under")


def test_a_decay_that_rounding_hides_is_no_training():
    """AdamW at 1e-3 takes 1e-7 of each weight, which is one digit in the last place or two."""
    verdict, reason = standing_of(gradient_stopped_under_a_small_decay)

    assert verdict == "refuted"
    assert reason.startswith("stem/kernel: trainable leaf hardly moves, as here in 1 step")


class Tied(nn.Module):
    """An autoencoder in front of a head: the gradient of its weights grows with them."""

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(3, name="body")(x)
        weights = self.param("tied", nn.initializers.normal(), (3, 4))
        return nn.Dense(1, use_bias=False, name="head")(x @ weights @ weights.T)


@pytest.mark.parametrize(
    ("own", "model"),
    [
        (optax.sgd(1e-10), Layers()),
        (optax.sgd(1e-10), Tied()),
        (optax.adamw(1e-10, weight_decay=1.0), Tied()),
        (optax.MultiSteps(optax.sgd(1e-10), 4).gradient_transformation(), Layers()),
        (optax.sgd(optax.linear_schedule(0.0, 1e-3, 10**8)), Layers()),
    ],
    ids=["sgd", "tied weights", "adamw", "MultiSteps", "warm-up"],
)
def test_a_rate_that_rounding_hides_trains(own, model):
    """Weights that are smaller, or larger, show what their last digits hide."""
    create = creating(model, lambda _: partitioned(own, within(("body",))))

    assert standing_of(trainer(create=create)) == ("held", None)


def test_weights_that_cannot_be_replaced_may_train_at_a_small_rate():
    """Nothing shows then whether it is a decay."""

    faulty = gradient_stopped_under_a_small_decay

    def create(seed, batch, optimizer):
        return (faulty.create(seed, batch, optimizer),)

    def train_step(states, batch):
        state, loss = faulty.train_step(*states, batch)
        return (state,), loss

    def params(states):
        return jax.tree.map(jnp.copy, states[0].params)

    unknown = replace(faulty, create=create, train_step=train_step, params=params)

    verdict, reason = standing_of(unknown)

    assert verdict == "not-run"
    assert reason.startswith("stem/kernel hardly moves, and nothing tells whether it should train")


def test_a_wrapper_trains_at_any_rate():
    optimizers = Optimizers("sgd", rates=(1e-30,))
    trained = replace(freeze_after_optimizer, optimizers=optimizers)

    assert standing_of(trained)[0] == "held"


def behind(make):
    """The program with a penalty, and its own wrapper around the optimizer that it is handed."""
    correct = unused_layer_under_a_penalty

    def create(seed, batch, optimizer):
        return correct.create(seed, batch, make(optimizer))

    return replace(correct, create=create)


@pytest.mark.parametrize(
    "correct",
    [
        unused_layer_under_adamw,
        unused_layer_under_a_penalty,
        behind(lambda optimizer: optax.MultiSteps(optimizer, 4).gradient_transformation()),
        behind(lambda optimizer: optax.chain(optax.clip(0.03), optimizer)),
        behind(lambda optimizer: optax.chain(optimizer, optax.scale(1e-3))),
    ],
)
def test_a_layer_that_nothing_uses_may_decay(correct):
    """A penalty changes the loss of each batch alike by it, also where it waits, is cut or is
    small.
    """
    assert standing_of(correct) == ("held", None)


def test_a_penalty_may_be_a_part_of_a_mean_over_what_is_not_masked():
    """Then it is scaled by the batch, and changes the loss of each by another number."""
    correct = unused_layer_under_a_penalty

    def mean(state, batch):
        new, loss = correct.train_step(state, batch)
        return new, loss / (1 + jnp.abs(batch.x).mean())

    assert standing_of(replace(correct, train_step=mean)) == ("held", None)


def test_a_bias_of_equal_numbers_may_train_by_equal_gradients():
    """As that of an ensemble whose mean is trained: to be shifted is to be multiplied then."""

    class Members(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Dense(4, name="body")(x))
            members = nn.Dense(3, bias_init=nn.initializers.constant(0.1), name="members")(x)
            return jnp.mean(members, axis=1, keepdims=True)

    ensemble = trainer(model=Members(), optimizers=Optimizers("sgd", rates=(0.1,)))

    assert standing_of(replace(ensemble, with_params=lambda state, params: state)) == ("held", None)


def test_what_bfloat16_rounds_may_hide_a_gradient():
    step = step_of([0.3, -1.7, 2.9], [0.2, -1.1, 1.9])
    leaf = step.before.params[("w",)]
    half = replace(leaf, array=leaf.array.astype(ml_dtypes.bfloat16))
    step.before = Moment(Snapshot({("w",): half}, ""))

    assert not decays(step, ("w",))


def step_of(old, new):
    """One in which a leaf becomes another one."""

    def moment(array):
        return Moment(snapshot({"w": np.asarray(array, np.float32)}))

    return Step(moment(old), moment(new), frozenset(), 1)


def test_a_decay_is_told_from_what_rounding_makes():
    """Each weight moves by more than four roundings, and all of them by one factor."""
    old = np.array([0.3, -1.7, 2.9], np.float32)

    assert decays(step_of(old, old * np.float32(1 - 1e-6)), ("w",))
    assert decays(step_of(old, old - np.float32(0.01) * old), ("w",))
    assert decays(step_of(old, 2 * old), ("w",))
    for new in (
        old,
        old * np.float32(1 - 2e-7),  # which `hardly_moves` tells
        old * np.float32([0.9, 0.9, 0.90001]),
        -old,
        old - np.float32(0.1),
        np.full(3, np.nan, np.float32),
    ):
        assert not decays(step_of(old, new), ("w",))
    assert not decays(step_of(old[:1], old[:1] / 2), ("w",))  # a gradient may do so, too
    assert not decays(step_of([0.1, 0.1], [0.09, 0.09]), ("w",))  # as here, where both are equal
    assert not decays(step_of([0.1, 0.1000001], [0.09, 0.0900001]), ("w",))
    assert not decays(step_of([0, 0, 1], [0, 0, 0.5]), ("w",))


def test_what_moves_by_a_few_roundings_hardly_moves():
    old = np.array([0.3, -1.7, 0.0], np.float32)

    for factor in (1 - 2e-7, [1 - 4e-7, 1 - 2e-7, 1]):
        assert hardly_moves(step_of(old, old * np.float32(factor)), ("w",))
    for new in (
        old,
        old * np.float32(1 - 1e-6),
        old + np.float32([0, 0, 1e-9]),
        old * np.float32([1 - 4e-7, 1 + 2e-7, 1]),  # no decay lets one grow and another shrink
    ):
        assert not hardly_moves(step_of(old, new), ("w",))
