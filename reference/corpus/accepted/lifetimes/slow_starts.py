"""Correct trainers that take their time: accumulation, warm-up, and norms that start alike."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("sgd", "adam", rates=(0.1,)),
    "promise": ("selected", "value"),
}


class _Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        hidden = nn.LayerNorm(name="first_norm")(nn.Dense(4, name="stem")(x))
        hidden = nn.LayerNorm(name="second_norm")(nn.tanh(nn.Dense(4, name="mid")(hidden)))
        return nn.Dense(1, name="head")(hidden)


def _is_norm(path, _):
    return "frozen" if path[0].key.endswith("norm") else "trained"


@functools.cache
def _partitioned(optimizer):
    labels = functools.partial(jax.tree_util.tree_map_with_path, _is_norm)
    return optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


@functools.cache
def _of_three(optimizer):
    return optax.MultiSteps(_partitioned(optimizer), 3).gradient_transformation()


@functools.cache
def _warming_up(optimizer):
    rise = optax.linear_schedule(0.0, 1.0, 5)
    return _partitioned(optax.chain(optimizer, optax.scale_by_schedule(rise)))


_net = _Net()


def _create_normed(seed, batch, optimizer):
    params = _net.init(jax.random.key(seed), batch.x)["params"]
    return TrainState.create(apply_fn=_net.apply, params=params, tx=_partitioned(optimizer))


def _scaled(variables, x):
    """Scale the inputs by what stands for a norm, and weigh them."""
    params = variables["params"]
    return jnp.tanh(x * params["norm"]) @ params["head"]


def _creating(wrap):
    def create(seed, batch, optimizer):
        inputs = batch.x.shape[1]
        head = jax.random.normal(jax.random.key(seed), (inputs, 1))
        params = {"norm": jnp.ones(inputs), "head": head}
        return TrainState.create(apply_fn=_scaled, params=params, tx=wrap(optimizer))

    return create


def _step(state, batch):
    def loss(params):
        return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


_compiled = jax.jit(_step)

two_norms = accepted(
    LinenTrainer(_create_normed, _compiled, frozen=("first_norm", "second_norm"), **_declared)
)
donated_accumulation = accepted(
    LinenTrainer(
        _creating(_of_three), jax.jit(_step, donate_argnums=0), frozen=("norm",), **_declared
    )
)
rate_that_rises_from_zero = accepted(
    LinenTrainer(_creating(_warming_up), _compiled, frozen=("norm",), **_declared)
)
nothing_frozen = accepted(
    LinenTrainer(_creating(lambda optimizer: optimizer), _compiled, frozen=(), **_declared)
)


@jax.jit
def _logging_step(state, batch):
    """Look at the second moment where there is one."""
    state, value = _step(state, batch)
    moments = optax.tree.get(state.opt_state, "nu")
    largest = 0.0 if moments is None else jnp.max(moments["head"])
    return state, value + 0.0 * largest


moment_looked_at_where_it_is = accepted(
    LinenTrainer(_creating(_partitioned), _logging_step, frozen=("norm",), **_declared)
)


class _Two(nnx.Module):
    def __init__(self, inputs, rngs):
        self.stem = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.tanh(self.stem(x)))


_head = nnx.All(nnx.Param, nnx.PathContains("head"))


@functools.cache
def _of_four(optimizer):
    return optax.MultiSteps(optimizer, 4).gradient_transformation()


def _create_two(seed, batch, optimizer):
    model = _Two(batch.x.shape[1], nnx.Rngs(seed))
    return model, nnx.Optimizer(model, _of_four(optimizer), wrt=_head)


@nnx.jit
def _step_two(model, optimizer, batch):
    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _head))(model)
    optimizer.update(model, grads)
    return value


accumulated_in_a_module = accepted(
    NnxTrainer(_create_two, _step_two, frozen=("stem",), **_declared)
)
