"""Quax: `lora.loraify`, whose `stop_gradient` keeps the original weights from training.

https://docs.kidger.site/quax/examples/lora/
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import quax
from quax.examples import lora

from frostproof import LinenTrainer

from ..equinox_partition import State

FROZEN = ("layers/0/weight/_w", "layers/1/weight/_w")


def adapted(seed, batch):
    """Return two layers with low-rank adapters."""
    inputs = batch.x.shape[1]
    model = eqx.nn.MLP(inputs, 1, width_size=4, depth=1, key=jax.random.key(seed))
    return lora.loraify(model, rank=2, scale=0.1, key=jax.random.key(seed + 1))


def is_original(path, leaf):
    """Tell an original weight by its field."""
    del leaf
    return bool(path) and getattr(path[-1], "name", None) == "_w"


def halves(model):
    """Return the adapters and all else that trains, and the original weights."""
    trains = jax.tree_util.tree_map_with_path(
        lambda path, leaf: eqx.is_inexact_array(leaf) and not is_original(path, leaf), model
    )
    return eqx.partition(model, trains)


def creating(seen):
    """Return a `create` whose optimizer starts from what `seen` makes of the model."""

    def create(seed, batch, optimizer):
        model = adapted(seed, batch)
        return State(model, optimizer.init(seen(model)), optimizer)

    return create


def mse(model, batch):
    """Return the mean squared error."""
    return jnp.mean((jax.vmap(quax.quaxify(model))(batch.x) - batch.y) ** 2)


def arrays(model):
    """Return all arrays."""
    return eqx.filter(model, eqx.is_inexact_array)


@eqx.filter_jit
def train_all(state, batch):
    """Hand all gradients to the optimizer, as the example does."""
    loss, grads = eqx.filter_value_and_grad(mse)(state.params, batch)
    updates, opt_state = state.tx.update(grads, state.opt_state, arrays(state.params))
    return State(eqx.apply_updates(state.params, updates), opt_state, state.tx), loss


@eqx.filter_jit
def train_half(state, batch):
    """Hand over the gradients of what trains."""
    trained, frozen = halves(state.params)
    loss, grads = eqx.filter_value_and_grad(
        lambda trained, batch: mse(eqx.combine(trained, frozen), batch)
    )(trained, batch)
    updates, opt_state = state.tx.update(grads, state.opt_state, trained)
    trained = eqx.apply_updates(trained, updates)
    return State(eqx.combine(trained, frozen), opt_state, state.tx), loss


as_in_the_example = LinenTrainer(creating(arrays), train_all, FROZEN)
trained_half = LinenTrainer(creating(lambda model: halves(model)[0]), train_half, FROZEN)
