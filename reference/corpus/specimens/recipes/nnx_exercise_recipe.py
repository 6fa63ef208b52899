"""The NNX exercise in parts: `l2(relu(l1(x)))`, four hidden units, `l1` frozen."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from frostproof.reference.corpus.specimens.recipes.exercise_recipe import Recipe, Training


class TwoLayer(nnx.Module):
    """A hidden layer `l1` and an output layer `l2`."""

    #: How a layer is made, for the specimens that make it differently.
    layer: Callable[..., nnx.Linear] = nnx.Linear

    def __init__(
        self, inputs: int, outputs: int, width: int, activation: Callable[..., Any], rngs: nnx.Rngs
    ) -> None:
        """Draw the weights of `l1` first."""
        self.l1 = self.layer(inputs, width, rngs=rngs)
        self.l2 = self.layer(width, outputs, rngs=rngs)
        self.activation = activation

    def __call__(self, x):
        """Predict one column per output."""
        return self.l2(self.activation(self.l1(x)))


def four_units(inputs, outputs):
    """Return the contract's width."""
    return 4


def unchanged(prediction):
    """Keep the columns: `y` has the shape (N, out)."""
    return prediction


def update_in_place(model, gradients, optimizer):
    """Take one step through `nnx.Optimizer.update`, where the x-ray stands."""
    nnx.Optimizer(model, optimizer, wrt=nnx.Param).update(model, gradients)


@partial(jax.jit, static_argnums=(0, 1))
def _initial(build: Any, key: Any, seed: Any) -> Any:
    model, *sizes = build
    return nnx.split(model(*sizes, rngs=nnx.Rngs(key(seed))))


def begin(training: Training, seed: Any, inputs: int, outputs: int) -> Any:
    """Draw the initial weights; specimens of the same model and key share the compilation."""
    width = training.width(inputs, outputs)
    build = (training.model, inputs, outputs, width, training.activation)
    return _initial(build, training.key, seed)


@partial(jax.jit, static_argnums=0)
def train(training: Training, weights: Any, x: Any, y: Any, lr: Any) -> tuple[Any, Any]:
    """Take one step from the weights and return the loss and the new weights."""
    # A copy: without compilation, merging shares the variables, and training would change them.
    model = nnx.merge(*weights, copy=True)

    def loss_of(model: Any) -> Any:
        return training.loss(training.prediction(model(x)), y)

    loss, gradients = nnx.value_and_grad(loss_of)(model)
    gradients = training.freeze(gradients, x, lr)
    training.update(model, gradients, training.optimizer(lr))
    return training.report(loss, lambda: loss_of(model)), nnx.split(model)


def layers(weights: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the leaves of `l1` and `l2` as NumPy arrays."""
    _, state = weights
    hidden, output = (
        {name: np.asarray(leaf[...]) for name, leaf in state[layer].items()}
        for layer in ("l1", "l2")
    )
    return hidden, output


NNX = Recipe(
    kind="nnx",
    training=Training(
        model=TwoLayer, width=four_units, update=update_in_place, prediction=unchanged
    ),
    begin=begin,
    train=train,
    layers=layers,
)
