"""Correct trainers without any module: parameters in tuples, lists, and under flat names."""

import functools
from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

FEW = Optimizers("sgd", "adamw", rates=(0.1,))


class State(flax.struct.PyTreeNode):
    """Parameters, what the optimizer keeps, and the optimizer."""

    params: Any
    opt_state: Any
    tx: Any = flax.struct.field(pytree_node=False)


def _create(make, wrap):
    def create(seed, batch, optimizer):
        params, tx = make(jax.random.key(seed), batch.x.shape[1]), wrap(optimizer)
        return State(params, tx.init(params), tx)

    return create


def stepping(apply):
    """Return a step that trains what `apply` computes."""

    @jax.jit
    def step(state, batch):
        def loss(params):
            return jnp.mean((apply(params, batch.x) - batch.y) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return state.replace(params=params, opt_state=opt_state), value

    return step


# A list of tuples.


def layers(key, inputs):
    """Return the parameters of two layers."""
    keys = jax.random.split(key)
    return [
        (jax.random.normal(keys[0], (inputs, 4)), jnp.zeros(4)),
        (jax.random.normal(keys[1], (4, 1)), jnp.zeros(1)),
    ]


def through_layers(params, x):
    """Predict one column."""
    for weights, bias in params[:-1]:
        x = jnp.tanh(x @ weights + bias)
    weights, bias = params[-1]
    return x @ weights + bias


@functools.cache
def _first_frozen(optimizer):
    return optax.selective_transform(optimizer, freeze_mask=[(True, True), (False, False)])


list_of_tuples = accepted(
    LinenTrainer(
        _create(layers, _first_frozen), stepping(through_layers), frozen=("0",), optimizers=FEW
    )
)


# Haiku's names, which hold a "/".


def _flat(key, inputs):
    (w0, b0), (w1, b1) = layers(key, inputs)
    return {"mlp/~/linear_0": {"w": w0, "b": b0}, "mlp/~/linear_1": {"w": w1, "b": b1}}


def _through_names(params, x):
    first, second = params["mlp/~/linear_0"], params["mlp/~/linear_1"]
    return jnp.tanh(x @ first["w"] + first["b"]) @ second["w"] + second["b"]


@functools.cache
def _named_frozen(optimizer):
    labels = {"mlp/~/linear_0": "frozen", "mlp/~/linear_1": "trained"}
    return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


flat_names = accepted(
    LinenTrainer(
        _create(_flat, _named_frozen),
        stepping(_through_names),
        frozen=("mlp/~/linear_0",),
        optimizers=FEW,
    )
)


# One array for everything, with the frozen part in a separate leaf.


def _vector(key, inputs):
    return {"scale": jnp.ones(()), "offset": jax.random.normal(key, (inputs,))}


@functools.cache
def _scale_frozen(optimizer):
    return optax.chain(
        optax.masked(optimizer, {"scale": False, "offset": True}),
        optax.masked(optax.set_to_zero(), {"scale": True, "offset": False}),
    )


scalar_leaf = accepted(
    LinenTrainer(
        _create(_vector, _scale_frozen),
        stepping(lambda params, x: params["scale"] * (x - params["offset"]).sum(1, keepdims=True)),
        frozen=("scale",),
        optimizers=FEW,
    )
)


# A node of another type in place of a kernel.


class Scaled(flax.struct.PyTreeNode):
    """A kernel, and what each of its columns is multiplied by."""

    kernel: Any
    scale: Any


def _scaled(key, inputs):
    (w0, _), (w1, _) = layers(key, inputs)
    return {"body": Scaled(w0, jnp.ones(4)), "head": Scaled(w1, jnp.ones(1))}


def _through_scaled(params, x):
    for each in (params["body"], params["head"]):
        x = jnp.tanh(x @ each.kernel * each.scale)
    return x


@functools.cache
def _body_frozen(optimizer):
    return optax.selective_transform(optimizer, freeze_mask={"body": True, "head": False})


node_of_a_type_of_its_own = accepted(
    LinenTrainer(
        _create(_scaled, _body_frozen), stepping(_through_scaled), frozen=("body",), optimizers=FEW
    )
)


# Fast and slow weights in one tree, alike at the beginning: all that is frozen stays alike.


def _create_lookahead(seed, batch, optimizer):
    params = layers(jax.random.key(seed), batch.x.shape[1])
    both = optax.LookaheadParams.init_synced({"body": params[0], "head": params[1]})
    tx = optax.lookahead(_body_frozen(optimizer), sync_period=2, slow_step_size=0.5)
    return State(both, tx.init(both), tx)


@jax.jit
def _step_lookahead(state, batch):
    def loss(params):
        prediction = through_layers([params["body"], params["head"]], batch.x)
        return jnp.mean((prediction - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params.fast)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(params=params, opt_state=opt_state), value


lookahead_over_all = accepted(
    LinenTrainer(
        _create_lookahead, _step_lookahead, frozen=lambda path: "body" in path, optimizers=FEW
    )
)


# Three members of an ensemble, each with its own optimizer state.


def _create_ensemble(seed, batch, optimizer):
    def member(key):
        params = layers(key, batch.x.shape[1])
        return {"body": params[0], "head": params[1]}

    params = jax.vmap(member)(jax.random.split(jax.random.key(seed), 3))
    tx = _body_frozen(optimizer)
    return State(params, jax.vmap(tx.init)(params), tx)


@jax.jit
def _step_ensemble(state, batch):
    def loss(params):
        prediction = through_layers([params["body"], params["head"]], batch.x)
        return jnp.mean((prediction - batch.y) ** 2)

    def train(params, opt_state):
        value, grads = jax.value_and_grad(loss)(params)
        updates, opt_state = state.tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    params, opt_state, values = jax.vmap(train)(state.params, state.opt_state)
    return state.replace(params=params, opt_state=opt_state), values.mean()


ensemble = accepted(
    LinenTrainer(_create_ensemble, _step_ensemble, frozen=("body",), optimizers=FEW)
)
