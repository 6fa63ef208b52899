"""Draws the initial weights of the reference networks by NumPy, the same for both APIs."""

from __future__ import annotations

import math

import jax
import numpy as np

from ...problems.architecture import Architecture
from ...pytrees.paths import Path


def drawn_weights(architecture: Architecture, features: int, seed: int) -> dict[Path, jax.Array]:
    """Return all parameters and running statistics by their paths, float32.

    Kernels (inputs, outputs) are normal with variance 1 / inputs (LeCun et al., "Efficient
    BackProp", 1998), as in Flax but for its truncation; means and biases are 0, scales and
    variances 1.
    """
    # XLA takes 0.5 s to compile Flax's own drawing of one layer and 1 to 2.7 s for eight, and 20 to
    # 150 ms to load that from its cache.
    random = np.random.default_rng(seed)
    weights: dict[Path, np.ndarray] = {}
    for layer in architecture.layers:
        inputs = architecture.width_before(layer) or features
        if layer.kind == "dense":
            kernel = random.standard_normal((inputs, layer.width or 0)) / math.sqrt(inputs)
            drawn = {"kernel": kernel, "bias": np.zeros(layer.width or 0)}
        elif layer.kind == "norm":
            zeros, ones = np.zeros(inputs), np.ones(inputs)
            drawn = {"scale": ones, "bias": zeros, "mean": zeros, "var": ones}
        else:  # a tied layer has the weights of another one, and dropout has none
            continue
        for name, value in drawn.items():
            weights[*layer.path, name] = value.astype(np.float32)
    return jax.device_put(weights)
