"""Correct trainers that keep averages in float32, which round as averages do."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "frozen": ("layers_0",),
    "optimizers": Optimizers("sgd", "adam", rates=(0.1,)),
    "promise": ("selected", "value", "inert"),
}
_net = nn.Sequential([nn.Dense(4), nn.tanh, nn.Dense(1)])


class _State(TrainState):
    average: Any


def _parted(optimizer):
    labels = {"layers_0": "frozen", "layers_2": "trained"}
    return optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


def _create(seed, batch, optimizer):
    params = _net.init(jax.random.key(seed), batch.x)["params"]
    tx = _parted(optimizer)
    return _State.create(apply_fn=None, params=params, tx=tx, average=params)


def _loss(params, batch):
    return jnp.mean((_net.apply({"params": params}, batch.x) - batch.y) ** 2)


@jax.jit
def _step(state, batch):
    """Follow slowly by Optax's own function: an unchanged leaf drifts by an ulp in each step."""
    loss, grads = jax.value_and_grad(_loss)(state.params, batch)
    new = state.apply_gradients(grads=grads)
    return new.replace(average=optax.incremental_update(new.params, state.average, 0.001)), loss


incremental_update = accepted(LinenTrainer(_create, _step, **_declared))


class _Training:
    """A plain object with an average in an attribute."""

    def __init__(self, params, tx):
        self.params, self.average = params, params
        self.tx, self.opt_state = tx, tx.init(params)
        self.gradients = jax.jit(jax.value_and_grad(_loss))

    def step(self, batch):
        loss, grads = self.gradients(self.params, batch)
        updates, self.opt_state = self.tx.update(grads, self.opt_state, self.params)
        self.params = optax.apply_updates(self.params, updates)
        self.average = jax.tree.map(lambda a, p: a + 0.01 * (p - a), self.average, self.params)
        return loss


def _create_object(seed, batch, optimizer):
    return _Training(_net.init(jax.random.key(seed), batch.x)["params"], _parted(optimizer))


def _step_of_object(training, batch):
    return training, training.step(batch)


average_in_an_object = accepted(LinenTrainer(_create_object, _step_of_object, **_declared))
