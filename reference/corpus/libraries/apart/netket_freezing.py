"""NetKet: `nk.nn.freeze_parameters`, which moves frozen parameters to their own collection.

https://netket.readthedocs.io/en/latest/api/_generated/nn/netket.nn.freeze_parameters.html
"""

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import netket as nk
import optax

from frostproof import LinenTrainer

network = nn.Sequential([nn.Dense(4), nn.tanh, nn.Dense(1)])
FROZEN = ("layers_0",)


class State(flax.struct.PyTreeNode):
    """All collections of the frozen model, and the optimizer of one of them."""

    variables: object
    opt_state: object
    model: object = flax.struct.field(pytree_node=False)
    tx: object = flax.struct.field(pytree_node=False)

    @property
    def params(self):
        """Parameters of both collections, by layer."""
        return self.variables["frozen_params"] | self.variables["params"]


def create(seed, batch, optimizer):
    """Freeze the first layer."""
    variables = network.init(jax.random.key(seed), batch.x)
    model, variables = nk.nn.freeze_parameters(
        network, variables, lambda path, leaf: path[0] == "layers_0"
    )
    return State(variables, optimizer.init(variables["params"]), model, optimizer)


def train_step(state, batch):
    """Take gradients of the collection `params`, and update it."""
    rest = {name: value for name, value in state.variables.items() if name != "params"}

    def loss(params):
        return jnp.mean((state.model.apply({"params": params, **rest}, batch.x) - batch.y) ** 2)

    params = state.variables["params"]
    value, grads = jax.value_and_grad(loss)(params)
    updates, opt_state = state.tx.update(grads, state.opt_state, params)
    variables = {"params": optax.apply_updates(params, updates), **rest}
    return state.replace(variables=variables, opt_state=opt_state), value


def with_params(state, params):
    """Put other parameters in place, each in its collection."""
    variables = state.variables | {
        name: {layer: params[layer] for layer in state.variables[name]}
        for name in ("params", "frozen_params")
    }
    return state.replace(variables=variables)


freeze_parameters = LinenTrainer(create, train_step, FROZEN, with_params=with_params)
