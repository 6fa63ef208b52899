"""Correct trainers that skip steps: a loss that is not finite, or a gradient that is too large."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("momentum", "adamw", rates=(0.01,)),
    "promise": ("selected", "value"),
}


class _Normed(nn.Module):
    @nn.compact
    def __call__(self, x, train=True):
        hidden = nn.Dense(4, name="base")(x)
        hidden = nn.BatchNorm(use_running_average=not train, name="norm")(hidden)
        return nn.Dense(1, name="head")(hidden)


class _State(TrainState):
    batch_stats: Any
    average: Any
    scale: Any
    skipped: Any


@functools.cache
def _partitioned(optimizer):
    labels = {"base": "frozen", "norm": "trained", "head": "trained"}
    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


def _create(seed, batch, optimizer):
    variables = _Normed().init(jax.random.key(seed), batch.x)
    return _State.create(
        apply_fn=_Normed().apply,
        params=variables["params"],
        batch_stats=variables["batch_stats"],
        average=variables["params"],
        scale=jnp.float32(2.0**8),
        skipped=jnp.int32(0),
        tx=_partitioned(optimizer),
    )


def _gradients(state, batch):
    def loss(params):
        prediction, updates = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.x, mutable=["batch_stats"]
        )
        loss = jnp.mean((prediction - batch.y) ** 2)
        return loss * state.scale, (loss, updates["batch_stats"])

    grads, (value, statistics) = jax.grad(loss, has_aux=True)(state.params)
    return jax.tree.map(lambda g: g / state.scale, grads), value, statistics


def _is_finite(tree):
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


@jax.jit
def _scaled_step(state, batch):
    """Scale the loss, and halve the scale for a step that is skipped."""
    grads, value, statistics = _gradients(state, batch)
    new = state.apply_gradients(grads=grads, batch_stats=statistics)
    new = new.replace(average=optax.incremental_update(new.params, state.average, 0.1))
    fine = _is_finite(grads)
    kept = jax.tree.map(functools.partial(jnp.where, fine), new, state)
    scale = jnp.where(fine, state.scale, state.scale / 2)
    return kept.replace(scale=scale, skipped=state.skipped + ~fine), value


@jax.jit
def _is_not_finite(state, batch):
    return ~_is_finite(_gradients(state, batch)[0])


loss_scaled_and_skipped = accepted(
    LinenTrainer(_create, _scaled_step, frozen=("base",), skips=_is_not_finite, **_declared)
)


class _Two(nnx.Module):
    def __init__(self, inputs, rngs):
        self.base = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.tanh(self.base(x)))


_head = nnx.All(nnx.Param, nnx.PathContains("head"))
_LARGEST = 2.0


def _create_two(seed, batch, optimizer):
    model = _Two(batch.x.shape[1], nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=_head)


def _of_head(model, batch):
    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    return nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _head))(model)


@nnx.jit
def _update(model, optimizer, grads):
    optimizer.update(model, grads)


_of_head_compiled = nnx.jit(_of_head)


def _step_by_hand(model, optimizer, batch):
    """Leave out an update whose gradient is too large: an ordinary `if`."""
    value, grads = _of_head_compiled(model, batch)
    if optax.global_norm(grads) <= _LARGEST:
        _update(model, optimizer, grads)
    return value


def _is_too_large(model, batch):
    return not optax.global_norm(_of_head_compiled(model, batch)[1]) <= _LARGEST


large_gradients_left_out = accepted(
    NnxTrainer(_create_two, _step_by_hand, frozen=("base",), skips=_is_too_large, **_declared)
)


@functools.cache
def _if_finite(optimizer):
    return optax.apply_if_finite(_partitioned_two(optimizer), max_consecutive_errors=1000)


@functools.cache
def _partitioned_two(optimizer):
    labels = {"base": "frozen", "head": "trained"}
    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


def _create_guarded(seed, batch, optimizer):
    base, head = jax.random.split(jax.random.key(seed))
    params = {
        "base": jax.random.normal(base, (batch.x.shape[1], 4)),
        "head": jax.random.normal(head, (4, 1)),
    }
    return TrainState.create(apply_fn=None, params=params, tx=_if_finite(optimizer))


def _plain_loss(params, batch):
    hidden = jnp.tanh(batch.x @ jax.lax.stop_gradient(params["base"]))
    return jnp.mean((hidden @ params["head"] - batch.y) ** 2)


@jax.jit
def _plain_step(state, batch):
    value, grads = jax.value_and_grad(_plain_loss)(state.params, batch)
    return state.apply_gradients(grads=grads), value


@jax.jit
def _has_no_gradient(state, batch):
    return ~_is_finite(jax.grad(_plain_loss)(state.params, batch))


apply_if_finite = accepted(
    LinenTrainer(
        _create_guarded, _plain_step, frozen=("base",), skips=_has_no_gradient, **_declared
    )
)
