"""Correct trainers that alter gradients before the optimizer has them, by trainable ones alone."""

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
    "promise": ("selected", "value", "isolated"),
}
_net = nn.Sequential([nn.Dense(4), nn.tanh, nn.Dense(1)])


@functools.cache
def _parted(optimizer, frozen="layers_0"):
    labels = {"layers_0": "trained", "layers_2": "trained"} | {frozen: "frozen"}
    return optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


@functools.cache
def _init():
    return jax.jit(_net.init)


def _create(seed, batch, optimizer):
    params = _init()(jax.random.key(seed), batch.x[:1])["params"]
    return TrainState.create(apply_fn=_net.apply, params=params, tx=_parted(optimizer))


def _loss(params, x, y):
    return jnp.mean((_net.apply({"params": params}, x) - y) ** 2)


def _clipped(grads, most):
    norm = optax.global_norm(grads["layers_2"])
    return jax.tree.map(lambda g: g * jnp.minimum(1.0, most / jnp.maximum(norm, 1e-6)), grads)


@jax.jit
def _by_rows(state, batch):
    """Clip each row's gradient by what its head has of it."""

    def of_row(x, y):
        loss, grads = jax.value_and_grad(_loss)(state.params, x, y)
        return loss, _clipped(grads, 0.1)

    losses, grads = jax.vmap(of_row)(batch.x, batch.y)
    return state.apply_gradients(grads=jax.tree.map(lambda g: g.mean(0), grads)), losses.mean()


rows_clipped_by_the_head = accepted(
    LinenTrainer(_create, _by_rows, frozen=("layers_0",), **_declared)
)


@jax.jit
def _skipping(state, batch):
    """Skip a step whose gradients of the head are not finite; the norm of all is only shown."""
    loss, pull_back = jax.vjp(lambda params: _loss(params, batch.x, batch.y), state.params)
    (grads,) = pull_back(jnp.ones_like(loss))
    jax.debug.callback(lambda norm: None, optax.global_norm(grads))
    head = jax.tree.leaves(grads["layers_2"])
    finite = jnp.array([jnp.isfinite(g).all() for g in head]).all()
    new = state.apply_gradients(grads=grads)
    return jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, state), loss


steps_skipped_for_the_head = accepted(
    LinenTrainer(_create, _skipping, frozen=("layers_0",), **_declared)
)


def _create_adapted(seed, batch, optimizer):
    params = _init()(jax.random.key(seed), batch.x[:1])["params"]
    tx = _parted(optimizer, frozen="layers_2")
    return TrainState.create(apply_fn=_net.apply, params=params, tx=tx)


@jax.jit
def _adapting(state, batch):
    """Train the body for a head that each task adapts, from a start that stays, before its loss."""

    def adapted_loss(params):
        grads = jax.grad(_loss)(params, batch.x, batch.y)
        head = jax.tree.map(lambda p, g: p - 0.1 * g, params["layers_2"], grads["layers_2"])
        return _loss(params | {"layers_2": head}, batch.x, batch.y)

    loss, grads = jax.value_and_grad(adapted_loss)(state.params)
    return state.apply_gradients(grads=grads), loss


head_adapted_in_an_inner_loop = accepted(
    LinenTrainer(_create_adapted, _adapting, frozen=("layers_2",), **_declared)
)


class _Model(nnx.Module):
    def __init__(self, inputs, rngs):
        self.base = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.tanh(self.base(x)))


_trained = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("base")))


def _create_nnx(seed, batch, optimizer):
    model = _Model(batch.x.shape[1], nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=_trained)


@nnx.jit
def _normalising(model, optimizer, batch):
    """Differentiate by everything, and divide the head's gradients by their own norm."""
    loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(batch.x) - batch.y) ** 2))(model)
    head = nnx.filter_state(grads, nnx.PathContains("head"))
    norm = jnp.maximum(optax.global_norm(head), 1e-6)
    optimizer.update(model, jax.tree.map(lambda g: g / norm, head))
    return loss


head_normalised_by_itself = accepted(
    NnxTrainer(_create_nnx, _normalising, frozen=("base",), **_declared)
)
