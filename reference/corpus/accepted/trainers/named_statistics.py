"""Correct trainers of layers with statistics, whose freeze names more than parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.accepted.trainers.nnx_steps import create_with, stepping
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("sgd", "adam", rates=(0.1,)),
    "promise": ("selected", "value", "inert"),
}


class _Normed(nn.Module):
    """A norm that trains its scale and bias, and may use the statistics that it has."""

    @nn.compact
    def __call__(self, x, fixed):
        x = nn.Dense(4, name="base")(x)
        x = nn.BatchNorm(use_running_average=fixed, momentum=0.5, name="norm")(x)
        return nn.Dense(1, name="head")(nn.tanh(x))


class _State(TrainState):
    batch_stats: dict


def _create(seed, batch, optimizer):
    variables = _Normed().init(jax.random.key(seed), batch.x, fixed=False)
    labels = {"base": "frozen", "norm": "trained", "head": "trained"}
    tx = optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)
    return _State.create(apply_fn=None, tx=tx, **variables)


def _stepping(fixed):
    @jax.jit
    def step(state, batch):
        def loss(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            y, kept = _Normed().apply(variables, batch.x, fixed=fixed, mutable=["batch_stats"])
            return jnp.mean((y - batch.y) ** 2), kept

        (value, kept), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads).replace(**kept), value

    return step


#: The norm is trained on the statistics of its pretraining, and said so or not.
statistics_used_as_they_are = accepted(
    LinenTrainer(_create, _stepping(True), frozen=("base",), **_declared)
)
statistics_frozen_by_name = accepted(
    LinenTrainer(
        _create,
        _stepping(True),
        frozen=("base", "norm/mean", "norm/var"),
        **_declared,
    )
)
statistics_that_follow = accepted(
    LinenTrainer(_create, _stepping(False), frozen=("base",), **_declared)
)


class _Evaluated(nnx.Module):
    """A norm that uses the statistics that it has, and trains all its parameters."""

    def __init__(self, inputs, *, rngs):
        self.base = nnx.Linear(inputs, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.tanh(self.norm(self.base(x))))


statistics_frozen_alone = accepted(
    NnxTrainer(
        create_with(_Evaluated, nnx.Param),
        stepping(nnx.Param),
        frozen=("norm/mean", "norm/var"),
        **_declared,
    )
)


class _Scaled(TrainState):
    """A state with the mean of the inputs, and the number of batches that were seen."""

    scaler: dict


def _create_scaled(seed, batch, optimizer):
    params = nn.Dense(1).init(jax.random.key(seed), batch.x)["params"]
    scaler = {"mean": jnp.zeros(batch.x.shape[1]), "seen": jnp.zeros((), int)}
    return _Scaled.create(apply_fn=None, params=params, tx=optimizer, scaler=scaler)


@jax.jit
def _count_batches(state, batch):
    def loss(params):
        y = nn.Dense(1).apply({"params": params}, batch.x - state.scaler["mean"])
        return jnp.mean((y - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    scaler = state.scaler | {"seen": state.scaler["seen"] + 1}
    return state.apply_gradients(grads=grads).replace(scaler=scaler), value


#: The mean is named, and the counter beside it is not.
mean_frozen_beside_a_counter = accepted(
    LinenTrainer(
        _create_scaled,
        _count_batches,
        frozen=("scaler/mean",),
        model_state=lambda state: {"scaler": state.scaler},
        **_declared,
    )
)


class _Tied(nnx.Module):
    """An embedding that decodes, too, a frozen array, and a table that is nobody's parameter."""

    def __init__(self, inputs, *, rngs):
        self.embed = nnx.Linear(inputs, 3, use_bias=False, rngs=rngs)
        self.mid = nnx.Linear(3, 3, rngs=rngs)
        self.mid.kernel = self.mid.kernel.get_value()
        self.out = nnx.Dict(kernel=self.embed.kernel)
        self.table = nnx.data(jnp.linspace(0.5, 1.5, 3))

    def __call__(self, x):
        hidden = self.mid(nnx.tanh(self.embed(x))) * self.table
        return (hidden @ self.out["kernel"][...].T).mean(-1, keepdims=True)


_trained = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("embed")))

array_that_is_frozen = accepted(
    NnxTrainer(
        create_with(_Tied, _trained),
        stepping(_trained),
        frozen=("embed", "mid/kernel"),
        **_declared,
    )
)
