"""The weights from which a correct exercise starts, by models that state the contract once more.

The oracle never imports the exercise that it judges. They share Flax's initialisers, since the
contract defines the weights by JAX's random bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from flax import nnx


@dataclass(frozen=True)
class Weights:
    """Kernels (in, hidden) and (hidden, out) and biases (hidden,) and (out,) of the two layers."""

    kernel: np.ndarray
    bias: np.ndarray
    head_kernel: np.ndarray
    head_bias: np.ndarray


@lru_cache(maxsize=256)
def initial_weights(api: str, seed: int, features: int, outputs: int) -> Weights:
    """Return the float32 weights that the contract's model gets from the seed."""
    if api == "linen":
        layers = _linen_layers(np.uint32(seed), np.zeros((1, features), np.float32))
    else:
        layers = _nnx_layers(np.uint32(seed), features, outputs)
    arrays = (layer[name] for layer in layers for name in ("kernel", "bias"))
    return Weights(*map(np.asarray, arrays))


class _LinenModel(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        hidden = nn.Dense(8)(x)  # by itself, so that it is named Dense_0
        return nn.Dense(1)(nn.relu(hidden))


@jax.jit
def _linen_layers(seed: np.uint32, x: np.ndarray) -> tuple[Any, Any]:
    params = _LinenModel().init(jax.random.PRNGKey(seed), x)["params"]
    return params["Dense_0"], params["Dense_1"]


@partial(jax.jit, static_argnums=(1, 2))
def _nnx_layers(seed: np.uint32, features: int, outputs: int) -> tuple[Any, Any]:
    rngs = nnx.Rngs(jax.random.key(seed))  # in the order of the contract: l1 before l2
    layers = nnx.Linear(features, 4, rngs=rngs), nnx.Linear(4, outputs, rngs=rngs)
    first, second = (dict(nnx.to_pure_dict(nnx.state(layer))) for layer in layers)
    return first, second
