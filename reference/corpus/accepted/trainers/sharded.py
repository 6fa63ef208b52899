"""A correct trainer whose parameters are spread over all devices, and a faulty twin of it."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.training.train_state import TrainState
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.accepted.trainers.linen_states import mse, partitioned, step
from frostproof.reference.corpus.register import accepted

UNITS = 8


class Model(nn.Module):
    """Two layers, body and head, of a width that several devices can share."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1, name="head")(nn.relu(nn.Dense(UNITS, name="body")(x)))


def spread(params):
    """Give each device its share of the units: columns of the body, rows of the head."""
    count = math.gcd(UNITS, jax.device_count())  # of three devices, say, one has to do
    mesh = jax.make_mesh(
        (count,), ("units",), axis_types=(AxisType.Auto,), devices=jax.devices()[:count]
    )

    def place(leaf):
        axes = ["units" if size == UNITS else None for size in leaf.shape]
        return jax.device_put(leaf, NamedSharding(mesh, PartitionSpec(*axes)))

    return jax.tree.map(place, params)


def creating(wrap):
    """Return a `create` that spreads the parameters."""

    def create(seed, batch, optimizer):
        params = spread(Model().init(jax.random.key(seed), batch.x)["params"])
        return TrainState.create(apply_fn=Model().apply, params=params, tx=wrap(optimizer))

    return create


@jax.jit
def predict(state, x):
    """Predict by the parameters of a state."""
    return state.apply_fn({"params": state.params}, x)


_declared = {
    "frozen": ("body",),
    "predict": predict,
    "loss": "mse",
    "optimizers": Optimizers("momentum", "adamw", rates=(0.1,)),
}

spread_over_devices = accepted(
    LinenTrainer(
        creating(partitioned), step, promise=("selected", "value", "inert", "isolated"), **_declared
    )
)


@jax.jit
def _zeroing(state, batch):
    def loss(params):
        return mse(state.apply_fn({"params": params}, batch.x), batch.y)

    value, grads = jax.value_and_grad(loss)(state.params)
    grads["body"] = jax.tree.map(jnp.zeros_like, grads["body"])
    return state.apply_gradients(grads=grads), value


#: Not correct: its zeroed gradients meet a weight decay.
_decayed_over_devices = LinenTrainer(creating(lambda optimizer: optimizer), _zeroing, **_declared)
