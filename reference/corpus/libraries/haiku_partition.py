"""Haiku: parameters divided by `data_structures.partition`, as its notebook on freezing does it.

https://dm-haiku.readthedocs.io/en/latest/notebooks/non_trainable.html
"""

from typing import Any

import flax
import haiku as hk
import jax
import jax.numpy as jnp
import optax

from frostproof import LinenTrainer

FROZEN = "mlp/~/linear_0"
forward = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([4, 1])(x)))


class State(flax.struct.PyTreeNode):
    """Trainable and other parameters apart, as the gradient needs them."""

    trainable: Any
    non_trainable: Any
    opt_state: Any
    tx: Any = flax.struct.field(pytree_node=False)

    @property
    def params(self):
        """All parameters, merged for inference."""
        return hk.data_structures.merge(self.trainable, self.non_trainable)


def creating(trains):
    """Return a `create` that initialises, and divides by a predicate."""

    def create(seed, batch, optimizer):
        params = forward.init(jax.random.key(seed), batch.x)
        trainable, rest = hk.data_structures.partition(trains, params)
        return State(trainable, rest, optimizer.init(trainable), optimizer)

    return create


def trains(module_name, name, value):
    """Tell what trains: all but one layer."""
    return module_name != FROZEN


def with_params(state, params):
    """Divide other parameters in the same way."""
    trainable, rest = hk.data_structures.partition(trains, params)
    return state.replace(trainable=trainable, non_trainable=rest)


@jax.jit
def train_step(state, batch):
    """Take gradients of the trainable parameters alone, and update those."""

    def loss(trainable, non_trainable):
        params = hk.data_structures.merge(trainable, non_trainable)
        return jnp.mean((forward.apply(params, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.trainable, state.non_trainable)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.trainable)
    trainable = optax.apply_updates(state.trainable, updates)
    return state.replace(trainable=trainable, opt_state=opt_state), value


@jax.jit
def predict(state, x):
    """Predict by the merged parameters."""
    return forward.apply(state.params, x)


partition = LinenTrainer(
    creating(trains), train_step, (FROZEN,), predict=predict, loss="mse", with_params=with_params
)

#: A faulty twin: a predicate of the last part of a name, which Haiku gives in full.
name_in_part = LinenTrainer(
    creating(lambda module_name, name, value: module_name != "linear_0"), train_step, (FROZEN,)
)
