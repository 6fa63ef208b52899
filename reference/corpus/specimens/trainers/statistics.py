"""Faulty trainers of layers with statistics, and of arrays that are not variables."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as recipe
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import mse

SGD = Optimizers("sgd")


class Normed(nnx.Module):
    """A frozen layer, and a head behind a normalisation that trains."""

    def __init__(self, inputs, *, rngs):
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, momentum=0.5, rngs=rngs)
        self.l2 = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(nnx.relu(self.norm(self.l1(x))))


@specimen(law="trainable-statistics-move", seen="all that is no Param put back with a frozen norm")
def statistics_put_back():
    """After the step all statistics are put back, those of a norm that trains among them."""
    rest = recipe.all_but("l1")

    @nnx.jit
    def step(model, optimizer, batch):
        held = jax.tree.map(lambda leaf: leaf, nnx.state(model, nnx.BatchStat))
        loss = recipe.stepping(wrt=rest)(model, optimizer, batch)
        nnx.update(model, held)
        return loss

    return NnxTrainer(recipe.creating(Normed, rest), step, frozen=("l1",), optimizers=SGD)


def thawing_norm(after):
    """Return a training whose norm trains from its second step on; `after` each, its statistics are
    made of those before the step and behind it.
    """
    rest = recipe.all_but("l1")

    @nnx.jit
    def step(model, optimizer, batch):
        kinds = nnx.BatchStat, nnx.Param
        is_first = optimizer.step[...] == 0
        before = [jax.tree.map(jnp.copy, nnx.state(model.norm, kind)) for kind in kinds]
        loss = recipe.stepping(wrt=rest)(model, optimizer, batch)
        made = [nnx.state(model.norm, kind) for kind in kinds]
        nnx.update(model.norm, jax.tree.map(after, before[0], made[0]))
        frozen_first = partial(jnp.where, is_first)
        nnx.update(model.norm, jax.tree.map(frozen_first, before[1], made[1]))
        return loss

    return NnxTrainer(
        recipe.creating(Normed, rest),
        step,
        frozen=lambda step: ("l1", "norm") if step == 1 else ("l1",),
        optimizers=SGD,
    )


@specimen(
    law="trainable-statistics-move",
    seen="a norm thawed by its weights alone",
    needs=Needs("the step in which it thaws", steps=2),
)
def statistics_of_a_thawed_norm_put_back():
    """The norm trains from the second step on, and its statistics are put back in all steps."""
    return thawing_norm(after=lambda old, new: old)


@specimen(law="frozen-value", seen="fine-tuning without `use_running_average`")
def statistics_move_in_training_mode():
    """The statistics of the norm are frozen by name, and it computes them anew in each step."""
    rest = recipe.all_but("l1")
    return NnxTrainer(
        recipe.creating(Normed, rest),
        recipe.stepping(wrt=rest),
        frozen=("l1", "norm/mean", "norm/var"),
        optimizers=SGD,
    )


@specimen(law="trainable-moves", seen="pretrained arrays assigned to the attributes of a layer")
def bias_is_no_variable():
    """The head's bias was loaded by assignment, and is an array that no optimizer finds."""

    class Loaded(recipe.TwoLayer):
        def __init__(self, inputs, *, rngs):
            super().__init__(inputs, rngs=rngs)
            self.l2.bias = jnp.full(1, 0.5)

    return recipe.filtering(Loaded, optimizers=SGD)


class Scaled(TrainState):
    """A state with the mean of the inputs, by which they are centred."""

    scaler: dict


@specimen(law="frozen-value", seen="observation normalisers that follow at fine-tuning")
def scaler_follows_the_inputs():
    """The scaler of the inputs is frozen by name, and goes on following them."""
    net = nn.Dense(1, name="head")

    def create(seed, batch, optimizer):
        params = net.init(jax.random.key(seed), batch.x)["params"]
        scaler = {"mean": jnp.zeros(batch.x.shape[1])}
        return Scaled.create(apply_fn=net.apply, params=params, tx=optimizer, scaler=scaler)

    @jax.jit
    def step(state, batch):
        def loss(params):
            x = batch.x - state.scaler["mean"]
            return mse(state.apply_fn({"params": params}, x), batch.y)

        value, grads = jax.value_and_grad(loss)(state.params)
        mean = 0.99 * state.scaler["mean"] + 0.01 * batch.x.mean(0)
        return state.apply_gradients(grads=grads).replace(scaler={"mean": mean}), value

    return LinenTrainer(
        create,
        step,
        frozen=("scaler",),
        model_state=lambda state: {"scaler": state.scaler},
        optimizers=SGD,
    )
