"""A correct trainer that can freeze other leaves later, in parts, so that a specimen shows only the
part which is wrong.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from frostproof import LinenTrainer, Optimizers

FEW = Optimizers("sgd", "momentum", rates=(0.1,))


@struct.dataclass
class State:
    """Parameters, the optimizer's state, and what is frozen: all that training goes on from."""

    params: Any
    opt_state: Any
    mask: Any
    opt: Any = struct.field(pytree_node=False)


def masked(params, frozen):
    """Return a mask of arrays: compiled steps take another one without being compiled again."""
    return {name: jnp.array(name in frozen) for name in params}


def create(seed, batch, opt):
    """Make a body of one unit and a head that scales it; the body is frozen."""
    params = {
        "body": jax.random.normal(jax.random.key(seed), (batch.x.shape[1],)),
        "head": jnp.ones(1),
    }
    return State(params, opt.init(params), masked(params, ("body",)), opt)


def loss(params, batch):
    """Return the mean over all rows."""
    return jnp.mean((jnp.tanh(batch.x @ params["body"])[:, None] * params["head"] - batch.y) ** 2)


def stepping(loss):
    """Return a step that puts frozen leaves back after the update: exact under every optimizer."""

    @jax.jit
    def step(state, batch):
        value, gradients = jax.value_and_grad(loss)(state.params, batch)
        updates, opt_state = state.opt.update(gradients, state.opt_state, state.params)
        new = optax.apply_updates(state.params, updates)
        new = jax.tree.map(jnp.where, state.mask, state.params, new)
        return state.replace(params=new, opt_state=opt_state), value

    return step


step = stepping(loss)


@jax.jit
def zeroing_step(state, batch):
    """Zero the gradients of frozen leaves: exact while the optimizer remembers nothing of them."""
    value, gradients = jax.value_and_grad(loss)(state.params, batch)
    gradients = jax.tree.map(lambda frozen, g: jnp.where(frozen, 0, g), state.mask, gradients)
    updates, opt_state = state.opt.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(params=params, opt_state=opt_state), value


def refreeze(state, frozen):
    """Freeze these leaves and no others."""
    return state.replace(mask=masked(state.params, frozen))


def trainer(create=create, step=step, refreeze=refreeze, optimizers=FEW, **declared):
    """Return a trainer of these parts."""
    declared = {"frozen": ("body",), "loss": "mse"} | declared
    return LinenTrainer(create, step, refreeze=refreeze, optimizers=optimizers, **declared)
