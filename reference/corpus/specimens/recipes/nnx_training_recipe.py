"""A correct NNX trainer in parts, so that a specimen shows only the part which is wrong."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from frostproof import NnxTrainer

BODY = ("l1",)


class TwoLayer(nnx.Module):
    """The model of the exercise: `l2(relu(l1(x)))`, four units and one output."""

    def __init__(self, inputs, *, rngs):
        """Make `l1` first: each layer takes the next random numbers."""
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.l2 = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(nnx.relu(self.l1(x)))


def mse(model, batch):
    """Return the mean over all rows and columns."""
    return jnp.mean((model(batch.x) - batch.y) ** 2)


def all_but(layer):
    """Return the filter of what trains: every Param outside of a layer."""
    return nnx.All(nnx.Param, nnx.Not(nnx.PathContains(layer)))


def creating(make=TwoLayer, wrt=nnx.Param, wrap=lambda optimizer: optimizer):
    """Return a `create` whose optimizer sees what `wrt` filters, and may be wrapped."""

    def create(seed, batch, optimizer):
        model = make(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, wrap(optimizer), wrt=wrt)

    return create


def stepping(gradients=lambda grads: grads, loss=mse, wrt=None):
    """Return a compiled `train_step` with another change of gradients, loss or filter."""
    argnums = 0 if wrt is None else nnx.DiffState(0, wrt)

    @nnx.jit
    def train_step(model, optimizer, batch):
        value, grads = nnx.value_and_grad(loss, argnums=argnums)(model, batch)
        optimizer.update(model, gradients(grads))
        return value

    return train_step


def zeroing(selected):
    """Return a change of gradients: those whose path is selected become zero."""

    def zero(grads):
        return jax.tree_util.tree_map_with_path(
            lambda path, g: jnp.zeros_like(g) if selected(path) else g, grads
        )

    return zero


def masking(selected, frozen=BODY, make=TwoLayer, **declared):
    """Return a trainer that freezes by zeroing the selected gradients."""
    return NnxTrainer(creating(make), stepping(zeroing(selected)), frozen=frozen, **declared)


def filtering(make=TwoLayer, layer="l1", step=None, **declared):
    """Return a trainer that leaves a layer out of gradients and optimizer, the correct way; its
    `step` may be another.
    """
    rest = all_but(layer)
    return NnxTrainer(creating(make, rest), step or stepping(wrt=rest), frozen=(layer,), **declared)


def joined(path):
    """Join the keys of a path, as in `l1.kernel.`: the last entry of a Variable has none."""
    return ".".join(str(getattr(entry, "key", "")) for entry in path)


def set_to_zero_where(mask):
    """Return a wrapper that sets updates to zero where a function of the tree says so."""
    return lambda optimizer: optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))
