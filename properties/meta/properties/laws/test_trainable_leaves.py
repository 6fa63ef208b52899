"""What is said of a trainable leaf that never moves, only decays, or that its layer moves, too."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from flax import nnx
from hypothesis import strategies as st

from frostproof import Optimizers, verify
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Inconclusive, Refutation
from frostproof.reference.corpus.accepted.trainers import nnx_modules
from frostproof.reference.corpus.accepted.trainers.linen_layers import (
    unused_layer_under_a_penalty,
    unused_layer_under_adamw,
)
from frostproof.reference.corpus.accepted.trainers.linen_steps import one_leaf_that_is_frozen
from frostproof.reference.corpus.accepted.trainers.named_statistics import (
    statistics_used_as_they_are,
)
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    creating,
    stepping,
    trainer,
)
from frostproof.reference.corpus.specimens.trainers.hidden_names import left_out_of_what_trains
from frostproof.reference.corpus.specimens.trainers.linen_models import (
    gradient_stopped_on_the_way,
    gradient_stopped_under_a_decay,
    gradient_stopped_under_a_penalty,
)
from frostproof.reference.corpus.specimens.trainers.linen_updates import decay_by_hand
from frostproof.reference.corpus.specimens.trainers.nnx_traps import weights_normalised_in_place
from frostproof.reference.observation.decay import decays
from frostproof.reference.observation.run import run
from frostproof.reference.observation.trajectory import Step
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.batches import Batch
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.snapshot import Snapshot, snapshot
from frostproof.reference.subjects.moment import Moment


def standing_of(trainer):
    """The verdict of the one law, and its reason."""
    (row,) = verify(trainer, laws=["trainable-moves"], max_examples=4, seed=1).rows
    return row.verdict, row.reason


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


@pytest.mark.parametrize(
    ("faulty", "verdict"),
    [(gradient_stopped_on_the_way, "refuted"), (gradient_stopped_under_a_penalty, "not-run")],
)
def test_a_program_may_always_be_given_one_batch(faulty, verdict):
    """Then nothing tells a penalty from the rest of the loss, and no penalty moves the other."""
    batch = Batch(np.linspace(-1, 2, 6, dtype=np.float32).reshape(2, 3), np.ones((2, 1), "f"))

    assert standing_of(replace(faulty, batches=st.just(batch)))[0] == verdict


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
        with_params=stays,
        optimizers=Optimizers("sgd"),
    )

    assert standing_of(adapter)[0] == "not-run"


@pytest.mark.parametrize(
    "faulty", [gradient_stopped_under_a_decay, gradient_stopped_under_a_penalty]
)
def test_a_decay_is_no_training(faulty):
    """That the model uses the layer is seen by its loss, of which a penalty may be a part."""
    verdict, reason = standing_of(faulty)

    assert verdict == "refuted"
    assert reason.startswith("stem/kernel: trainable leaf only decays, as here in 1 step under")


def test_where_all_leaves_are_frozen_training_is_not_shown():
    """A pattern may cover all by mistake: who promises that the others train is told so."""
    verdict, reason = standing_of(one_leaf_that_is_frozen)

    assert verdict == "vacuous"
    assert reason.endswith("inconclusive: nothing is left to train: all leaves are frozen")


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


def test_a_bias_of_equal_numbers_may_train_by_equal_gradients():
    """As that of an ensemble whose mean is trained: to be shifted is to be multiplied then."""

    class Members(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Dense(4, name="body")(x))
            members = nn.Dense(3, bias_init=nn.initializers.constant(0.1), name="members")(x)
            return jnp.mean(members, axis=1, keepdims=True)

    ensemble = trainer(model=Members(), optimizers=Optimizers("sgd", rates=(0.1,)))

    assert standing_of(replace(ensemble, with_params=stays)) == ("held", None)


def stays(state, params):
    """The weights are those of `create`, whatever is drawn."""
    return state


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
        old * np.float32(1 - 2e-7),  # a training in the last place may do as much
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


def test_without_a_loss_no_statistic_is_called_left_behind():
    """The program uses it as it is, which a number in the place of its loss does not show."""
    correct = statistics_used_as_they_are

    def step(state, batch):
        return correct.train_step(state, batch)[0], 0.0

    trainer = replace(correct, train_step=step, loss=None, predict=None)
    (row,) = verify(trainer, laws=["trainable-statistics-move"], max_examples=4, seed=1).rows

    assert row.verdict == "held"


def three_steps(trainer, rate):
    """Under SGD."""
    sgd = optimizer("sgd", learning_rate=rate)
    return run(trainer, TrainingProblem(0, sgd, 2, 3, 0, actions=("step",) * 3))


def judged(law, trainer, rate):
    """Three steps, by one law."""
    BY_ID[law].check(three_steps(trainer, rate))


@pytest.mark.parametrize("trainer", [nnx_modules.weight_norm, nnx_modules.spectral_norm])
def test_a_layer_may_store_the_normalised_weights_of_one_that_trains(trainer):
    """`nnx.WeightNorm` and `nnx.SpectralNorm` do so at each call: it is no fault of the program."""
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
    """That is no decay: the power iteration of `nnx.SpectralNorm` takes several steps."""
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


def test_a_decay_by_hand_moves_a_leaf_again():
    """By one factor, which is no projection."""
    with pytest.raises(Refutation, match="leaf changed at step 2"):
        judged("zero-rate-is-identity", decay_by_hand, 0.0)


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
