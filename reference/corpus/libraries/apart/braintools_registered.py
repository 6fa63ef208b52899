"""Braintools: an optimizer trains the states that are registered with it, and no others.

https://brainx.chaobrain.com/projects/braintools/ (`OptaxOptimizer.register_trainable_weights`).
"""

import brainstate
import braintools
import jax.numpy as jnp
from brainstate import ParamState

from frostproof import LinenTrainer

FROZEN = ("first",)


class Model(brainstate.nn.Module):
    """Three layers: the first is frozen."""

    def __init__(self, inputs):
        super().__init__()
        self.first = brainstate.nn.Linear(inputs, 3)
        self.second = brainstate.nn.Linear(3, 3)
        self.head = brainstate.nn.Linear(3, 1)

    def __call__(self, x):
        """Predict one column."""
        return self.head(jnp.tanh(self.second(jnp.tanh(self.first(x)))))


def layer_by_layer(model, optimizer):
    """Register each layer by its own states."""
    optimizer.register_trainable_weights(model.second.states(ParamState))
    optimizer.register_trainable_weights(model.head.states(ParamState))


def from_the_root(model, optimizer):
    """Register by paths from the root of the model."""
    states = model.states(ParamState)
    optimizer.register_trainable_weights(
        {path: state for path, state in states.items() if path[0] != "first"}
    )


def creating(register):
    """Return a `create` of a model and its optimizer, which is the library's own."""

    def create(seed, batch, optimizer):
        del optimizer
        brainstate.random.seed(seed)
        model = Model(batch.x.shape[1])
        own = braintools.optim.Adam(lr=0.01)
        register(model, own)
        return model, own

    return create


def train_step(state, batch):
    """Train in place."""
    model, optimizer = state

    def loss():
        return jnp.mean((model(jnp.asarray(batch.x)) - batch.y) ** 2)

    weights = optimizer.param_states.to_pytree()
    grads, value = brainstate.transform.grad(loss, weights, return_value=True)()
    optimizer.step(grads)
    return state, value


def params(state):
    """Return the values of all layers by their names."""
    model, _ = state
    return {path[0]: layer.value for path, layer in model.states(ParamState).items()}


def with_params(state, params):
    """Put other values in place."""
    model, _ = state
    for path, layer in model.states(ParamState).items():
        layer.value = params[path[0]]
    return state


_judged = {"params": params, "with_params": with_params}
registered_layer_by_layer = LinenTrainer(creating(layer_by_layer), train_step, FROZEN, **_judged)
registered_from_the_root = LinenTrainer(creating(from_the_root), train_step, FROZEN, **_judged)
