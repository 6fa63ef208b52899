"""ZAdapter: the mask of its adapters, as the docstring of `get_adapter_param_mask` uses it.

The release cannot be imported: its `__init__` does not parse. `zadapter/core.py` is loaded alone.
"""

import importlib.util
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import LinenTrainer

_folder = importlib.util.find_spec("zadapter").submodule_search_locations[0]
_spec = importlib.util.spec_from_file_location("zadapter_core", Path(_folder) / "core.py")
core = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(core)


class Network(nn.Module):
    """A layer, its adapter, and the layer that reads both."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        hidden = core.ZAdapter(d_model=4, r=2)(nn.Dense(4, name="base")(x), beta=1.0)
        return nn.Dense(1, name="output")(hidden)


network = Network()


def creating(freeze):
    """Return a `create` that freezes by the library's mask, which is True for adapters."""

    def create(seed, batch, optimizer):
        params = network.init(jax.random.key(seed), batch.x)["params"]
        tx = freeze(optimizer, core.get_adapter_param_mask(params))
        return TrainState.create(apply_fn=None, params=params, tx=tx)

    return create


@jax.jit
def train_step(state, batch):
    """Train by all gradients."""
    loss, grads = jax.value_and_grad(
        lambda params: jnp.mean((network.apply({"params": params}, batch.x) - batch.y) ** 2)
    )(state.params)
    return state.apply_gradients(grads=grads), loss


def partitioned(optimizer, mask):
    """Set the updates of all else to zero."""
    labels = jax.tree.map(lambda adapter: "train" if adapter else "freeze", mask)
    return optax.multi_transform({"train": optimizer, "freeze": optax.set_to_zero()}, labels)


FROZEN = ("base", "output")
as_in_the_docstring = LinenTrainer(creating(optax.masked), train_step, FROZEN)
set_to_zero = LinenTrainer(creating(partitioned), train_step, FROZEN)
