"""Correct trainers whose frozen set depends on the step."""

import functools

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("sgd", "adamw", rates=(0.1,)),
    "promise": ("selected", "value"),
}


def _forward(params, x):
    hidden = jnp.tanh(x @ params["base"])
    return jnp.tanh(hidden @ params["mid"]) @ params["head"]


def _loss(params, batch):
    return jnp.mean((_forward(params, batch.x) - batch.y) ** 2)


def _create(seed, batch, optimizer):
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = {"base": (batch.x.shape[1], 4), "mid": (4, 4), "head": (4, 1)}
    params = {
        name: jax.random.normal(key, shapes[name]) for key, name in zip(keys, shapes, strict=True)
    }
    return TrainState.create(apply_fn=_forward, params=params, tx=optimizer)


@jax.jit
def _step(state, batch):
    """Thaw a layer after one step, and the next one after three: what is frozen is put back."""
    loss, grads = jax.value_and_grad(_loss)(state.params, batch)
    new = state.apply_gradients(grads=grads)
    starts = {"head": 0, "mid": 1, "base": 3}
    params = {
        name: jnp.where(state.step < start, state.params[name], new.params[name])
        for name, start in starts.items()
    }
    return new.replace(params=params), loss


def _frozen(step):
    return ("base", "mid") if step <= 1 else ("base",) if step <= 3 else ()


gradual_unfreezing = accepted(LinenTrainer(_create, _step, frozen=_frozen, **_declared))


@jax.jit
def _freezing_step(state, batch):
    """Train all in the first two steps, and then the head alone."""
    loss, grads = jax.value_and_grad(_loss)(state.params, batch)
    new = state.apply_gradients(grads=grads)
    held = jax.tree.map(lambda old, new: jnp.where(state.step < 2, new, old), state, new).params
    return new.replace(params={**held, "head": new.params["head"]}), loss


body_frozen_later = accepted(
    LinenTrainer(
        _create,
        _freezing_step,
        frozen=lambda step: () if step <= 2 else ("base", "mid"),
        **_declared,
    )
)


@jax.jit
def _anew_step(state, batch):
    """Make the optimizer's state anew as the body is frozen, and give it no gradients from then
    on.
    """
    held = state.step >= 2
    fresh = state.tx.init(state.params)
    opt_state = jax.tree.map(
        lambda new, old: jnp.where(state.step == 2, new, old), fresh, state.opt_state
    )
    loss, grads = jax.value_and_grad(_loss)(state.params, batch)
    grads |= {name: jnp.where(held, 0, grads[name]) for name in ("base", "mid")}
    new = state.replace(opt_state=opt_state).apply_gradients(grads=grads)
    body = {n: jnp.where(held, state.params[n], new.params[n]) for n in ("base", "mid")}
    return new.replace(params=new.params | body), loss


optimizer_made_anew = accepted(
    LinenTrainer(
        _create,
        _anew_step,
        frozen=lambda step: () if step <= 2 else ("base", "mid"),
        optimizers=Optimizers("momentum", "adam", rates=(0.1,)),
        promise=("selected", "value", "inert"),
    )
)


class _Pair(nnx.Module):
    def __init__(self, inputs, rngs):
        self.one = nnx.Linear(inputs, 4, rngs=rngs)
        self.two = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.two(nnx.tanh(self.one(x)))


class _InTurns(nnx.Module):
    """An optimizer for each part, of which one is used in each step."""

    def __init__(self, model, optimizer):
        for name in ("one", "two"):
            own = nnx.All(nnx.Param, nnx.PathContains(name))
            setattr(self, name, nnx.Optimizer(model, optimizer, wrt=own))
        self.turn = nnx.Variable(jnp.zeros((), jnp.int32))


def _create_in_turns(seed, batch, optimizer):
    model = _Pair(batch.x.shape[1], nnx.Rngs(seed))
    return model, _InTurns(model, optimizer)


@functools.partial(nnx.jit, static_argnames="name")
def _train_part(model, optimizer, batch, name):
    own = nnx.All(nnx.Param, nnx.PathContains(name))

    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, own))(model)
    optimizer.update(model, grads)
    return value


def _step_in_turns(model, optimizers, batch):
    name = ("one", "two")[int(optimizers.turn[...]) % 2]
    optimizers.turn[...] += 1
    return _train_part(model, getattr(optimizers, name), batch, name=name)


parts_in_turns = accepted(
    NnxTrainer(
        _create_in_turns,
        _step_in_turns,
        frozen=lambda step: ("two",) if step % 2 else ("one",),
        **_declared,
    )
)


@functools.cache
def _scheduled(optimizer):
    """Freeze the first layer in the optimizer, for good, and say so by a function of the step."""
    labels = {"base": "frozen", "mid": "trained", "head": "trained"}
    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


def _create_scheduled(seed, batch, optimizer):
    return _create(seed, batch, _scheduled(optimizer))


@jax.jit
def _plain_step(state, batch):
    loss, grads = jax.value_and_grad(_loss)(state.params, batch)
    return state.apply_gradients(grads=grads), loss


one_phase = accepted(
    LinenTrainer(
        _create_scheduled,
        _plain_step,
        frozen=lambda step: ("base",),
        optimizers=Optimizers("sgd", "adamw", rates=(0.1,)),
        promise=("selected", "value", "inert", "isolated"),
    )
)
