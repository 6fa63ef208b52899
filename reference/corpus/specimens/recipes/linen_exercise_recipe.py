"""The Linen exercise in parts: `Dense(8) → relu → Dense(1)`, the first layer frozen."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    HIDDEN,
    OUTPUT,
    Recipe,
    Training,
)


class TwoDense(nn.Module):
    """A hidden layer named `Dense_0` and an output layer named `Dense_1`."""

    width: int
    activation: Callable[..., Any]
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        # On a separate line: Linen numbers layers as they are called, and in
        # `Dense(1)(Dense(8)(x))` Python makes the outer one first.
        hidden = nn.Dense(self.width, dtype=self.dtype)(x)
        return nn.Dense(1, dtype=self.dtype)(self.activation(hidden))


def eight_units(inputs, outputs):
    """Return the contract's width."""
    return 8


def squeezed(prediction):
    """Drop the column axis, to match `y` of shape (N,)."""
    return prediction.squeeze(-1)


def apply_updates(weights, gradients, optimizer):
    """Take one step; `optax.apply_updates` is looked up at the call, where the x-ray stands."""
    updates, _ = optimizer.update(gradients, optimizer.init(weights), weights)
    return optax.apply_updates(weights, updates)


def build(training: Training, inputs: int) -> nn.Module:
    """Make the model of these parts."""
    model: nn.Module = training.model(training.width(inputs, 1), training.activation)
    return model


@partial(jax.jit, static_argnums=(0, 1, 2))
def _initial(model: nn.Module, key: Any, inputs: int, seed: Any) -> Any:
    return model.init(key(seed), jnp.zeros((1, inputs)))


def begin(training: Training, seed: Any, inputs: int, outputs: int) -> Any:
    """Draw the initial weights; specimens of the same model and key share the compilation."""
    return _initial(build(training, inputs), training.key, inputs, seed)


@partial(jax.jit, static_argnums=0)
def train(training: Training, weights: Any, x: Any, y: Any, lr: Any) -> tuple[Any, Any]:
    """Take one step from the weights and return the loss and the new weights."""
    model = build(training, x.shape[1])

    def loss_of(weights: Any) -> Any:
        return training.loss(training.prediction(model.apply(weights, x)), y)

    loss, gradients = jax.value_and_grad(loss_of)(weights)
    gradients = training.freeze(gradients, x, lr)
    moved = training.update(weights, gradients, training.optimizer(lr))
    return training.report(loss, lambda: loss_of(moved)), moved


def layers(weights: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the leaves of the hidden and of the output layer as NumPy arrays."""
    hidden, output = (
        {name: np.asarray(leaf) for name, leaf in leaves.items()}
        for known in (HIDDEN, OUTPUT)
        for layer, leaves in weights["params"].items()
        if layer in known
    )
    return hidden, output


LINEN = Recipe(
    kind="linen",
    training=Training(model=TwoDense, width=eight_units, update=apply_updates, prediction=squeezed),
    begin=begin,
    train=train,
    layers=layers,
)
