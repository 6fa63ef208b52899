"""Sepes: leaves that are hidden from transformations by `tree_mask`.

https://sepes.readthedocs.io/en/latest/ (`freeze`, `tree_mask`, `tree_unmask`).
"""

import flax
import jax
import jax.numpy as jnp
import optax
import sepes

from frostproof import LinenTrainer

FROZEN = ("first",)


class State(flax.struct.PyTreeNode):
    """Parameters, half of them hidden, and the optimizer of the others."""

    masked: object
    opt_state: object
    tx: object = flax.struct.field(pytree_node=False)

    @property
    def params(self):
        """All parameters."""
        return sepes.tree_unmask(self.masked)


def hidden(params):
    """Hide the first layer."""
    return {"first": sepes.tree_mask(params["first"], lambda _: True), "head": params["head"]}


def create(seed, batch, optimizer):
    """Draw two layers."""
    first, head = jax.random.split(jax.random.key(seed))
    masked = hidden(
        {
            "first": jax.random.normal(first, (batch.x.shape[1], 4)),
            "head": jax.random.normal(head, (4, 1)),
        }
    )
    return State(masked, optimizer.init(masked), optimizer)


def train_step(state, batch):
    """Train what is not hidden."""

    def loss(masked):
        params = sepes.tree_unmask(masked)
        return jnp.mean((jnp.tanh(batch.x @ params["first"]) @ params["head"] - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.masked)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.masked)
    masked = optax.apply_updates(state.masked, updates)
    return state.replace(masked=masked, opt_state=opt_state), value


tree_mask = LinenTrainer(create, train_step, FROZEN)
