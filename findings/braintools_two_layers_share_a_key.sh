#!/usr/bin/env bash
# Braintools 0.3.0: of two layers that are registered to train, only the last one does.
#
# Expected: the documentation registers one layer as `model.linear.states(ParamState)`. An optimizer
# that is given two layers so, in two calls, trains both; the layers not given stay frozen.
#
# What happens: `layer.states(…)` names the weights of each layer relative to that layer. Both are
# called `('weight',)`. The optimizer tells states apart by identity and keeps both, but hands out a
# dict by path, in which the second replaces the first: no gradient is ever asked for the first layer.
# Nothing raises, and the loss falls.
#
# For a freeze: what is not registered is frozen, so a layer too many is frozen, in silence. Register
# once, with paths from the root of the model.

packages=(braintools==0.3.0 brainstate==0.5.4 brainunit==0.5.2 brainevent==0.2.1 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import brainstate
import braintools
import jax
import jax.numpy as jnp
from brainstate import ParamState


class Model(brainstate.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = brainstate.nn.Linear(2, 3)
        self.second = brainstate.nn.Linear(3, 3)
        self.head = brainstate.nn.Linear(3, 1)

    def __call__(self, x):
        return self.head(self.second(self.first(x)))


def trained(register):
    brainstate.random.seed(0)
    model = Model()
    optimizer = braintools.optim.SGD(lr=0.1)
    register(model, optimizer)
    weights = optimizer.param_states.to_pytree()
    before = {path: state.value for path, state in model.states(ParamState).items()}
    loss = lambda: jnp.mean(model(jnp.ones((4, 2))) ** 2)
    optimizer.step(brainstate.transform.grad(loss, weights)())
    after = {path: state.value for path, state in model.states(ParamState).items()}
    same = {path[0]: jax.tree.all(jax.tree.map(jnp.array_equal, before[path], after[path]))
            for path in before}
    return ", ".join(name for name, kept in same.items() if not kept)


def layer_by_layer(model, optimizer):
    optimizer.register_trainable_weights(model.second.states(ParamState))
    optimizer.register_trainable_weights(model.head.states(ParamState))


def from_the_root(model, optimizer):
    states = model.states(ParamState)
    optimizer.register_trainable_weights({k: v for k, v in states.items() if k[0] != "first"})


print("asked for: second, head")
print("layer by layer, trains:", trained(layer_by_layer))
print("from the root, trains:", trained(from_the_root))
PYTHON
)

expected=$(cat <<'TEXT'
asked for: second, head
layer by layer, trains: head
from the root, trains: head, second
TEXT
)

. "$(dirname "$0")/judge.bash"
