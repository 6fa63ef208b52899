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


def create(seed, batch, optimizer):
    """Initialise and divide."""
    params = forward.init(jax.random.key(seed), batch.x)
    return with_params(State(None, None, None, optimizer), params, fresh=True)


def with_params(state, params, fresh=False):
    """Divide other parameters; the optimizer's state stays, unless it is to be a fresh one."""
    trainable, rest = hk.data_structures.partition(lambda m, n, p: m != FROZEN, params)
    opt_state = state.tx.init(trainable) if fresh else state.opt_state
    return state.replace(trainable=trainable, non_trainable=rest, opt_state=opt_state)


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
    create, train_step, (FROZEN,), predict=predict, loss="mse", with_params=with_params
)
