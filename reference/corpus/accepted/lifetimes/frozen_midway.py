"""Correct trainers that freeze in the middle of training, and carry over what goes on."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_net = nn.Sequential([nn.Dense(4), nn.tanh, nn.Dense(1)])
_BASE, _HEAD = "layers_0", "layers_2"


@struct.dataclass
class _State:
    params: Any
    #: By layer: each has its own optimizer state, for as long as it trains.
    opt_states: dict
    tx: optax.GradientTransformation = struct.field(pytree_node=False)


@functools.cache
def _init():
    return jax.jit(_net.init)


def _create(seed, batch, optimizer):
    params = _init()(jax.random.key(seed), batch.x)["params"]
    return _State(params, {_HEAD: optimizer.init({_HEAD: params[_HEAD]})}, optimizer)


@jax.jit
def _step(state, batch):
    """Train every layer that has an optimizer's state."""

    def loss(trained):
        prediction = _net.apply({"params": {**state.params, **trained}}, batch.x)
        return jnp.mean((prediction - batch.y) ** 2)

    trained = {name: state.params[name] for name in state.opt_states}
    value, grads = jax.value_and_grad(loss)(trained)
    params, opt_states = dict(state.params), {}
    for name, opt_state in state.opt_states.items():
        layer = {name: params[name]}
        updates, opt_states[name] = state.tx.update({name: grads[name]}, opt_state, layer)
        params |= optax.apply_updates(layer, updates)
    return state.replace(params=params, opt_states=opt_states), value


def _refreeze(state, frozen):
    """Keep the states of layers that go on, and make those of layers that begin."""
    kept = jax.tree.map(lambda leaf: jnp.asarray(np.array(leaf)), state.params)
    going = [n for n in kept if not any(each.split("/")[0] == n for each in frozen)]
    opt_states = {
        name: state.opt_states.get(name) or state.tx.init({name: kept[name]}) for name in going
    }
    return state.replace(params=kept, opt_states=opt_states)


state_of_each_layer = accepted(
    LinenTrainer(
        _create,
        _step,
        frozen=(_BASE,),
        opt_state=lambda state: state.opt_states,
        refreeze=_refreeze,
        optimizers=Optimizers("momentum", "adam", rates=(0.1,)),
        promise=("selected", "bits", "inert", "isolated"),
    )
)


@jax.jit
def _putting_back(state, batch):
    """Train all layers, and put back those that are frozen: all keep an optimizer's state."""

    def loss(params):
        return jnp.mean((_net.apply({"params": params}, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    updates, opt_states = state.tx.update(grads, state.opt_states["all"], state.params)
    new = optax.apply_updates(state.params, updates)
    new = jax.tree.map(jnp.where, state.opt_states["frozen"], state.params, new)
    opt_states = {**state.opt_states, "all": opt_states}
    return state.replace(params=new, opt_states=opt_states), value


def _mask(params, frozen):
    def covered(path):
        return any(f"{path}/".startswith(f"{each}/") for each in frozen)

    return {
        layer: {name: jnp.array(covered(f"{layer}/{name}")) for name in leaves}
        for layer, leaves in params.items()
    }


def _create_masked(seed, batch, optimizer):
    params = _init()(jax.random.key(seed), batch.x)["params"]
    states = {"all": optimizer.init(params), "frozen": _mask(params, (_BASE,))}
    return _State(params, states, optimizer)


def _remask(state, frozen):
    states = {**state.opt_states, "frozen": _mask(state.params, frozen)}
    return state.replace(opt_states=states)


one_state_for_all = accepted(
    LinenTrainer(
        _create_masked,
        _putting_back,
        frozen=(_BASE,),
        opt_state=lambda state: state.opt_states["all"],
        refreeze=_remask,
        optimizers=Optimizers("momentum", "adam", rates=(0.1,)),
        promise=("selected", "bits"),
    )
)
