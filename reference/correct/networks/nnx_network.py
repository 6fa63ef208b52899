"""The reference networks in NNX: an architecture as a module, its loss and gradients."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from ...problems.architecture import Architecture, Layer
from ...pytrees.paths import Path, normalise
from .drawn_weights import drawn_weights


class NoiseState(nnx.Variable[jax.Array]):
    """The state of dropout, which is neither a parameter nor a statistic."""


class Network(nnx.Module):
    """The layers of an architecture, or of one block of it, applied one after the other."""

    def __init__(
        self, architecture: Architecture, features: int, rngs: nnx.Rngs, block: Path = ()
    ) -> None:
        self.architecture = architecture
        self.block = block
        for name, layer in architecture.children(block):
            if layer is None:
                setattr(self, name, Network(architecture, features, rngs, (*block, name)))
            else:
                setattr(self, name, self._made(layer, features, rngs))

    def _made(self, layer: Layer, features: int, rngs: nnx.Rngs) -> Any:
        width = self.architecture.width_before(layer) or features
        match layer.kind:
            case "dense":
                return nnx.Linear(width, layer.width or 0, rngs=rngs)
            case "tied":
                # The same module under another name: `nnx.state` lists it under the first alone.
                return getattr(self, self.architecture.layer(layer.shares).path[-1])
            case "norm":
                return nnx.BatchNorm(width, momentum=0.9, use_running_average=False, rngs=rngs)
        return nnx.Dropout(0.5, deterministic=False)

    def stand_still(self, names: frozenset[str]) -> None:
        """Run these norm and dropout layers in inference mode from now on, and no others."""
        for name, layer in self.architecture.children(self.block):
            child = getattr(self, name)
            if layer is None:
                child.stand_still(names)
            elif layer.kind == "norm":
                child.use_running_average = layer.name in names
            elif layer.kind == "dropout":
                child.deterministic = layer.name in names

    def __call__(self, x: Any, key: Any = None) -> Any:
        """Map (N, features) to (N, outputs); `key` is what dropout draws from."""
        for name, layer in self.architecture.children(self.block):
            child = getattr(self, name)
            if layer is None:
                x = child(x, key)
            elif layer.kind == "dropout":
                x = child(x, rngs=jax.random.fold_in(key, self.architecture.index(layer)))
            elif layer.kind == "norm" or layer.name == self.architecture.first:
                x = child(x)
            else:
                x = child(nnx.elu(x))
        return x


class Model(Network):
    """A whole network, with the seed and the number of the step if it has dropout."""

    def __init__(self, architecture: Architecture, features: int) -> None:
        super().__init__(architecture, features, nnx.Rngs(0))
        if architecture.is_noisy:
            self.noise = NoiseState(jnp.zeros(2, jnp.uint32))

    def __call__(self, x: Any, key: Any = None) -> Any:
        """Map (N, features) to (N, outputs), and count the step."""
        if self.architecture.is_noisy:
            noise = self.noise[...]
            key = jax.random.fold_in(jax.random.key(noise[0]), noise[1])
            self.noise[...] += jnp.array([0, 1], jnp.uint32)
        return super().__call__(x, key)


@functools.cache
def _outline(architecture: Architecture, features: int) -> Any:
    """Return a model's graph, and its state without values."""
    return nnx.split(nnx.eval_shape(lambda: Model(architecture, features)))


def initialise(architecture: Architecture, features: int, seed: int) -> Model:
    """Return the model that a seed (uint32) gives for inputs (N, features)."""
    graph, outline = _outline(architecture, features)
    values = drawn_weights(architecture, features, seed)
    values["noise",] = jnp.array([seed, 0], jnp.uint32)
    state = jax.tree_util.tree_map_with_path(lambda path, _: values[normalise(path)], outline)
    model: Model = nnx.merge(graph, state)
    return model


def mean_squared_error(model: Model, stopped: Mapping[Path, Any], x: Any, y: Any) -> Any:
    """Return the loss on a batch; parameters that are `stopped` are constants in it.

    `stopped` has a bool for every path. They are values, not structure, so that one compiled
    function serves all techniques and whatever they freeze.
    """

    def hold(path: Any, leaf: Any) -> Any:
        return jnp.where(stopped[normalise(path)], jax.lax.stop_gradient(leaf), leaf)

    graph, params, *rest = nnx.split(model, nnx.Param, ...)
    with_constants = nnx.merge(graph, jax.tree_util.tree_map_with_path(hold, params), *rest)
    prediction = with_constants(x)
    nnx.update(model, nnx.state(with_constants, nnx.Not(nnx.Param)))  # statistics move
    return jnp.mean((prediction - y) ** 2)


differentiate = nnx.value_and_grad(mean_squared_error)
#: Compiled once for each architecture, layers in inference mode, and shape of the batch.
compiled_differentiate = nnx.jit(differentiate)


def forward(graph: Any, state: Any, x: Any) -> Any:
    """Return the prediction (N, outputs) of a model that was split, and stays as it is."""
    return nnx.merge(graph, state)(x)


compiled_forward = jax.jit(forward, static_argnums=0)
