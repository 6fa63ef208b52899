"""The reference networks in Linen: an architecture as a module, its loss and gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from ...problems.architecture import Architecture
from ...pytrees.paths import Path

Tree = Any


class Network(nn.Module):
    """The layers of an architecture, or of one block of it, applied one after the other."""

    architecture: Architecture
    block: Path = ()

    @nn.compact
    def __call__(self, x: Any, still: frozenset[str], key: Any) -> Any:
        """Map (N, features) to (N, outputs), in training mode but for the layers in `still`.

        `key` is what dropout draws from.
        """
        dense: dict[str, nn.Dense] = {}
        for name, layer in self.architecture.children(self.block):
            if layer is None:
                x = Network(self.architecture, (*self.block, name), name=name)(x, still, key)
                continue
            in_inference = layer.name in still
            match layer.kind:
                case "dense":
                    dense[layer.name] = nn.Dense(layer.width or 0, name=name)
                    x = dense[layer.name](x if layer.name == self.architecture.first else nn.elu(x))
                case "tied":
                    x = dense[str(layer.shares)](nn.elu(x))
                case "norm":
                    x = nn.BatchNorm(in_inference, momentum=0.9, name=name)(x)
                case "dropout":
                    drawn = jax.random.fold_in(key, self.architecture.index(layer))
                    x = nn.Dropout(0.5, deterministic=in_inference, name=name)(x, rng=drawn)
        return x


class Differentiated(NamedTuple):
    """The results of one forward and backward pass."""

    loss: Any
    gradients: Tree
    #: Of the layers: running means and variances after the pass.
    statistics: Tree


def differentiate(
    architecture: Architecture,
    still: frozenset[str],
    params: Tree,
    stopped: Tree,
    statistics: Tree,
    noise: tuple[Any, Any],
    x: Any,
    y: Any,
) -> Differentiated:
    """Return the mean squared error on a batch, and its gradients with respect to all parameters.

    `stopped` are bools like `params`: where True, the gradient is stopped. They are values, not
    structure, so that one compiled function serves all techniques and whatever they freeze.
    """

    def mean_squared_error(params: Tree) -> tuple[Any, Tree]:
        held = jax.tree.map(
            lambda p, stop: jnp.where(stop, jax.lax.stop_gradient(p), p), params, stopped
        )
        prediction, moved = forward(architecture, still, held, statistics, noise, x)
        return jnp.mean((prediction - y) ** 2), moved

    value_and_grad = jax.value_and_grad(mean_squared_error, has_aux=True)
    (loss, moved), gradients = value_and_grad(params)
    return Differentiated(loss, gradients, moved)


def forward(
    architecture: Architecture,
    still: frozenset[str],
    params: Tree,
    statistics: Tree,
    noise: tuple[Any, Any],
    x: Any,
) -> tuple[Any, Tree]:
    """Return the prediction (N, outputs) of x (N, features), and the statistics after it.

    `noise` is a seed and the number of a step: other units are dropped in each.
    """
    seed, step = noise
    key = jax.random.fold_in(jax.random.key(seed), step) if architecture.is_noisy else None
    variables = {"params": params} | ({"batch_stats": statistics} if statistics else {})
    prediction, moved = Network(architecture).apply(
        variables, x, still, key, mutable=["batch_stats"]
    )
    return prediction, moved.get("batch_stats")


#: Compiled once for each architecture, layers in inference mode, and shape of the batch.
compiled_differentiate = jax.jit(differentiate, static_argnums=(0, 1))
compiled_forward = jax.jit(forward, static_argnums=(0, 1))
