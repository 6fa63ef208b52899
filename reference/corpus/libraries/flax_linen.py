"""Flax Linen: fine-tuning by a `TrainState`, as the transfer-learning guide does it.

https://flax-linen.readthedocs.io/en/latest/guides/training_techniques/transfer_learning.html
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import traverse_util
from flax.training.train_state import TrainState

from frostproof import LinenTrainer


class Backbone(nn.Module):
    """Stands for the pretrained model."""

    @nn.compact
    def __call__(self, x):
        """Return features."""
        return nn.relu(nn.Dense(4)(x))


class Classifier(nn.Module):
    """A head over the features of a backbone."""

    backbone: nn.Module

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1, name="head")(self.backbone(x))


model = Classifier(Backbone())


@functools.cache
def partitioned(optimizer):
    """Return the guide's optimizer, with another one in the place of Adam."""
    partition_optimizers = {"trainable": optimizer, "frozen": optax.set_to_zero()}

    def param_partitions(params):
        return traverse_util.path_aware_map(
            lambda path, v: "frozen" if "backbone" in path else "trainable", params
        )

    return optax.multi_transform(partition_optimizers, param_partitions)


def create(seed, batch, optimizer):
    """Initialise, and put pretrained parameters in the place of the backbone's."""
    params = model.init(jax.random.key(seed), batch.x)["params"]
    params["backbone"] = Backbone().init(jax.random.key(seed + 1), batch.x)["params"]
    return TrainState.create(apply_fn=model.apply, params=params, tx=partitioned(optimizer))


@jax.jit
def train_step(state, batch):
    """Take a step: what is frozen, the optimizer knows."""

    def loss(params):
        return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


@jax.jit
def predict(state, x):
    """Predict by the parameters of a state."""
    return state.apply_fn({"params": state.params}, x)


train_state = LinenTrainer(create, train_step, ("backbone",), predict=predict, loss="mse")
