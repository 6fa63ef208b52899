"""What is said of a trainable leaf that never moves, or that its layer moves, too."""

import functools
import itertools
from dataclasses import replace
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from frostproof import Optimizers, verify
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Inconclusive, Refutation, collect, observe
from frostproof.properties.meta.properties.laws.standing import standing_of
from frostproof.reference.corpus.accepted.trainers import nnx_modules
from frostproof.reference.corpus.accepted.trainers.linen_steps import one_leaf_that_is_frozen
from frostproof.reference.corpus.accepted.trainers.named_statistics import (
    statistics_used_as_they_are,
)
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    stepping,
    trainer,
    within,
)
from frostproof.reference.corpus.specimens.trainers.hidden_names import left_out_of_what_trains
from frostproof.reference.corpus.specimens.trainers.linen_models import (
    gradient_stopped_under_a_decay,
)
from frostproof.reference.corpus.specimens.trainers.linen_updates import decay_by_hand
from frostproof.reference.corpus.specimens.trainers.nnx_traps import weights_normalised_in_place
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.batches import Batch
from frostproof.reference.problems.training_problem import TrainingProblem


def test_the_leaf_is_found_in_the_state_where_only_the_program_can_set_it():
    """Without `with_params=` other values are put where the array of the leaf is."""
    verdict, reason = standing_of(left_out_of_what_trains)

    assert verdict == "refuted"
    assert reason.startswith("head/kernel: trainable leaf never moved")


def test_a_leaf_of_which_nothing_tells_is_not_called_trained():
    """Copies are not found in the state: whether the loss depends on the leaf stays unknown."""
    faulty = left_out_of_what_trains

    def copies(state):
        return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), faulty.params(state))

    verdict, reason = standing_of(replace(faulty, params=copies))

    assert verdict == "not-run"
    assert reason.startswith("head/kernel never moved, and nothing tells whether it should")
    assert "give `with_params=`" in reason


@pytest.mark.parametrize(
    ("faulty", "leaf"),
    [
        (left_out_of_what_trains, "head/kernel never moved"),
        (gradient_stopped_under_a_decay, "stem/kernel only decays"),
    ],
)
def test_a_number_in_the_place_of_a_loss_tells_nothing(faulty, leaf):
    """No leaf changes it: a step that trains nothing was held, since no leaf seemed to matter."""

    def step(state, batch):
        return faulty.train_step(state, batch)[0], 0.0

    verdict, reason = standing_of(replace(faulty, train_step=step))

    assert verdict == "not-run"
    assert reason.startswith(f"{leaf}, and nothing tells whether it should")


def test_a_leaf_that_moves_later_in_the_run_is_not_accused():
    """The simplest batch of a strategy may be of zeros: no gradient comes of it."""
    numbers = st.floats(-2, 2, width=32)
    batches = st.builds(
        Batch, *(arrays(np.float32, (4, width), elements=numbers) for width in (3, 1))
    )
    correct = trainer(optimizers=Optimizers("sgd"), batches=batches)

    (row,) = verify(correct, laws=["trainable-moves"], max_examples=30, seed=1).rows

    assert (row.verdict, row.reason) == ("held", None)


@pytest.mark.parametrize("seen", [(None,), (None, "not here"), ("not here", None)])
def test_what_happens_once_in_an_example_has_happened(seen):
    """Whatever is seen of it before and after."""

    def judge():
        for failure in seen:
            observe("a move", failure)

    assert collect(judge)[1] == {"a move": None}


class Adapted(nn.Module):
    """A layer, and an adapter whose second matrix begins with zeros."""

    @nn.compact
    def __call__(self, x):
        down = nn.Dense(2, use_bias=False, name="down")(x)
        up = nn.Dense(1, use_bias=False, kernel_init=nn.initializers.zeros, name="up")
        return nn.Dense(1, name="body")(x) + up(down)


def test_gradients_of_a_leaf_while_it_is_frozen_do_not_count():
    """The first matrix has none in the only step in which it may train: nobody can tell more."""

    def put_back(old, new):
        def held(path, leaf, before):
            name = path[0].key
            return before if name == "body" else jnp.where(old.step > 0, before, leaf)

        params = jax.tree_util.tree_map_with_path(held, new.params, old.params)
        return new.replace(params=params | {"up": new.params["up"]})

    adapter = trainer(
        lambda step: ("body",) if step == 1 else ("body", "down"),
        create=creating(Adapted()),
        step=stepping(after=put_back),
        with_params=lambda state, params: state,
        optimizers=Optimizers("sgd"),
    )

    assert standing_of(adapter)[0] == "not-run"


def test_an_optimizer_may_be_called_after_an_epoch():
    """`optax.MultiSteps` hands on one gradient of 128; runs are so long where `steps=` says so."""

    @functools.cache
    def accumulated(optimizer):
        waiting = optax.MultiSteps(optimizer, 128).gradient_transformation()
        return partitioned(waiting, within(("body",)))

    patient = trainer(create=creating(Layers(), accumulated), optimizers=Optimizers("sgd"))

    verdict, reason = standing_of(patient)
    assert verdict == "not-run"
    assert reason.endswith("name a number of steps in which all leaves move by `steps=`")
    assert standing_of(replace(patient, steps=(130,))) == ("held", None)


def test_a_layer_may_wait_longer_than_the_others():
    """Its gradients are accumulated, and those of the head are not."""

    @functools.cache
    def slow(optimizer):
        waiting = optax.MultiSteps(optimizer, 64).gradient_transformation()
        return optax.multi_transform(
            {"slow": waiting, "fast": optimizer}, lambda params: {"body": "slow", "head": "fast"}
        )

    patient = trainer((), create=creating(Layers(), slow), optimizers=Optimizers("sgd"))

    verdict, reason = standing_of(patient)
    assert verdict == "not-run"
    assert reason.startswith("body/")
    assert reason.endswith("name a number of steps in which all leaves move by `steps=`")


def test_a_program_may_refuse_to_train_for_long():
    """As one that knows how much data it has: a leaf that it leaves out is told all the same."""
    faulty = left_out_of_what_trains
    steps = itertools.count()

    def create(seed, batch, optimizer):
        nonlocal steps
        steps = itertools.count()
        return faulty.create(seed, batch, optimizer)

    def step(state, batch):
        if next(steps) > 100:
            raise StopIteration("no more data")
        return faulty.train_step(state, batch)

    verdict, reason = standing_of(replace(faulty, create=create, train_step=step))
    assert verdict == "refuted"
    assert reason.startswith("head/kernel: trainable leaf never moved")


def test_where_all_leaves_are_frozen_training_is_not_shown():
    """A pattern may cover all by mistake: who promises that the others train is told so."""
    verdict, reason = standing_of(one_leaf_that_is_frozen)

    assert verdict == "vacuous"
    assert reason.endswith("inconclusive: nothing is left to train: all leaves are frozen")


def three_steps(trainer, rate):
    """Under SGD."""
    sgd = optimizer("sgd", learning_rate=rate)
    return run(trainer, TrainingProblem(0, sgd, 2, 3, 0, actions=("step",) * 3))


def judged(law, trainer, rate):
    """Three steps, by one law."""
    BY_ID[law].check(three_steps(trainer, rate))


@pytest.mark.parametrize("trainer", [nnx_modules.weight_norm, nnx_modules.spectral_norm])
def test_a_layer_may_store_the_normalised_weights_of_one_that_trains(trainer):
    """`nnx.WeightNorm` and `nnx.SpectralNorm` do so at each call: no fault of the program."""
    judged("zero-rate-is-identity", trainer, 0.0)
    judged("trains-as-if-alone", trainer, 0.1)


class WideHead(nnx.Module):
    """A frozen layer, and one of which the largest singular value is found little by little."""

    def __init__(self, inputs, *, rngs):
        self.l1 = nnx.Linear(inputs, 8, rngs=rngs)
        self.l2 = nnx.SpectralNorm(nnx.Linear(8, 8, rngs=rngs), rngs=rngs)

    def __call__(self, x):
        return self.l2(nnx.tanh(self.l1(x)), update_stats=True)


def test_a_layer_may_divide_its_weights_by_another_number_in_each_step():
    """That is not a decay: the power iteration of `nnx.SpectralNorm` takes several steps."""
    trainer = replace(nnx_modules.spectral_norm, create=nnx_modules.create_with(WideHead))

    judged("zero-rate-is-identity", trainer, 0.0)


def test_where_all_that_trains_is_normalised_nothing_trains_alone():
    """The law does not hold: it has nothing to judge."""
    trajectory = three_steps(statistics_used_as_they_are, 0.1)
    for step in trajectory.steps:
        step.normalised = step.trainable

    with pytest.raises(Inconclusive, match="its layer normalises each leaf that trains"):
        BY_ID["trains-as-if-alone"].check(trajectory)


def moving(trainer, move):
    """The trainer, with the weights of its head moved after each step."""

    def step(state, batch):
        state, loss = trainer.train_step(state, batch)
        head = move(state.params["head"], state.step)
        return state.replace(params={**state.params, "head": head}), loss

    return replace(trainer, train_step=step)


def clipped(head, step):
    """As a WGAN's critic is."""
    return jax.tree.map(lambda w: jnp.clip(w, -0.01, 0.01), head)


def clipped_at_times(head, step):
    """Every second step."""
    return jax.lax.cond(step % 2 == 0, lambda w: clipped(w, step), lambda w: w, head)


def of_norm_one(head, step):
    """All of them together, in each step: the norm of the next one is 1 but for rounding."""
    norm = jnp.sqrt(sum(jnp.sum(w**2) for w in jax.tree.leaves(head)))
    return jax.tree.map(lambda w: w / norm, head)


def noisy(head, step):
    """As in Langevin dynamics."""
    key = jax.random.key(step)
    return jax.tree.map(lambda w: w + 0.01 * jax.random.normal(key, w.shape), head)


def pruned(head, step):
    """One weight more in each step."""
    kernel = head["kernel"]
    rank = jnp.argsort(jnp.argsort(jnp.abs(kernel), axis=0), axis=0)
    return {**head, "kernel": jnp.where(rank < step, 0.0, kernel)}


@pytest.mark.parametrize("move", [clipped, clipped_at_times, of_norm_one, noisy, pruned])
def test_a_program_may_move_what_trains(move):
    """At rate zero, too; of a frozen leaf it may not move anything."""
    trainer = moving(statistics_used_as_they_are, move)

    judged("zero-rate-is-identity", trainer, 0.0)
    with pytest.raises(Refutation, match=r"head/(bias|kernel): leaf changed at step [12]:"):
        judged("zero-rate-is-identity", replace(trainer, frozen=("base", "head")), 0.0)


class Bounded(TrainState):
    """A state with the singular vector that is found little by little."""

    vector: Any = None


def test_a_norm_may_be_found_little_by_little():
    """Weights are divided by another number in each step, and larger ones by a larger one."""

    def bound(old, new):
        kernel = new.params["head"]["kernel"]
        left = kernel @ new.vector
        right = kernel.T @ (left / jnp.linalg.norm(left))
        norm = jnp.linalg.norm(right)
        head = {**new.params["head"], "kernel": kernel / jnp.maximum(norm, 1.0)}
        return new.replace(params={**new.params, "head": head}, vector=right / norm)

    class Wide(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Dense(4, name="body")(x))
            init = nn.initializers.normal(3.0)
            return nn.Dense(3, kernel_init=init, name="head")(x).mean(1, keepdims=True)

    def vector(params):
        return jnp.ones(3) / 3**0.5

    def freeze(optimizer):
        return partitioned(optimizer, within(("body",)))

    create = creating(Wide(), freeze, Bounded, vector=vector)
    projected = trainer(create=create, step=stepping(after=bound), optimizers=Optimizers("sgd"))
    (row,) = verify(projected, laws=["zero-rate-is-identity"], max_examples=9, seed=1).rows

    assert row.verdict == "not-run"
    assert row.reason.startswith("head/kernel is projected onto a norm: large weights shrink more")


def test_a_decay_by_hand_moves_a_leaf_again():
    """By one factor, which is not a projection."""
    with pytest.raises(Refutation, match="leaf changed at step 2"):
        judged("zero-rate-is-identity", decay_by_hand, 0.0)


def test_a_clip_beside_a_decay_is_no_projection():
    """It shrinks large weights more, and small ones as before."""

    def clip(head, step):
        return jax.tree.map(lambda w: jnp.clip(0.99 * w, -2, 2), head)

    faulty = replace(moving(statistics_used_as_they_are, clip), optimizers=Optimizers("sgd"))
    (row,) = verify(faulty, laws=["zero-rate-is-identity"], max_examples=9, seed=1).rows

    assert row.verdict == "refuted"


def test_a_decay_that_is_scheduled_is_one():
    """Its factor is another one in each step."""
    halved = moving(
        statistics_used_as_they_are,
        lambda head, step: jax.tree.map(lambda w: w - 0.01 / (1 + step) * w, head),
    )
    with pytest.raises(Refutation, match="head/kernel: leaf changed at step 2"):
        judged("zero-rate-is-identity", halved, 0.0)


def test_no_layer_may_store_anything_in_frozen_weights():
    """What was named does not keep its value, whoever writes it."""
    with pytest.raises(Refutation, match="l1/layer_instance/kernel: leaf changed at step 1"):
        judged("zero-rate-is-identity", weights_normalised_in_place, 0.0)
    with pytest.raises(Refutation, match="l1/layer_instance/kernel: frozen leaf changed at step 1"):
        judged("frozen-value", weights_normalised_in_place, 0.1)
