"""The NumPy oracle of the two exercises: forward pass, loss, gradient and step, with bounds.

Forward and gradient share no code with JAX. Only the initial weights come from the contract's own
initialisers, since the exercise defines them by JAX's random bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .bounded import Bounded
from .rounding import INITIAL_ULPS, UNIT

if TYPE_CHECKING:
    from .exercise import ExerciseProblem


@dataclass(frozen=True)
class Weights:
    """Kernels (in, hidden) and (hidden, out) and biases (hidden,) and (out,) of the two layers."""

    kernel: np.ndarray
    bias: np.ndarray
    head_kernel: np.ndarray
    head_bias: np.ndarray


@dataclass(frozen=True)
class ExerciseOracle:
    """What a correct program may answer: loss, norm of the frozen kernel, and the head's step."""

    loss: Bounded
    kernel_norm: Bounded
    #: d loss / d head kernel (hidden, out) and d loss / d head bias (out,).
    head_kernel_gradient: Bounded
    head_bias_gradient: Bounded
    #: How far the unfrozen step would move the frozen kernel at most, in units of its ulps.
    unfrozen_move: float

    @classmethod
    def of(cls, problem: ExerciseProblem) -> ExerciseOracle:
        """Compute the expectations for a problem."""
        batch = problem.batch()
        weights = initial_weights(problem.api, problem.seed, problem.features, problem.outputs)
        x = Bounded.exact(batch.x)
        y = Bounded.exact(batch.y.reshape(len(batch.y), -1))
        kernel = _computed_by_jax(weights.kernel)
        head_kernel = _computed_by_jax(weights.head_kernel)

        before_relu = x @ kernel + Bounded.exact(weights.bias)
        hidden = before_relu.relu()
        residual = hidden @ head_kernel + Bounded.exact(weights.head_bias) - y

        # d mean((p - y)**2) / d p = 2 (p - y) / n; the 1 / n may be a rounded reciprocal.
        slope = residual.scaled(2 / residual.value.size, roundings=3)
        slope_at_hidden = slope.value @ weights.head_kernel.T.astype(np.float64)
        kernel_gradient = x.value.T @ (slope_at_hidden * (before_relu.value > 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            ulps = np.abs(problem.learning_rate * kernel_gradient / weights.kernel) / (2 * UNIT)
        return cls(
            loss=residual.mean_square(),
            kernel_norm=kernel.norm(),
            head_kernel_gradient=hidden.transposed @ slope,
            head_bias_gradient=slope.sum_of_rows(),
            unfrozen_move=float(np.nanmax(ulps)),
        )


def _computed_by_jax(weights: np.ndarray) -> Bounded:
    """Initial weights of another compilation of the same initialiser may differ by a few ulps."""
    value = weights.astype(np.float64)
    return Bounded(value, np.abs(value) * (2 * UNIT * INITIAL_ULPS))


@lru_cache(maxsize=256)
def initial_weights(api: str, seed: int, features: int, outputs: int) -> Weights:
    """Return the float32 weights that the contract's model gets from the seed."""
    # Here, since frostproof's command line and pytest plugin read the laws without loading JAX.
    x = np.zeros((1, features), np.float32)
    if api == "linen":
        from .linen import initialise as initialise_linen

        layers = initialise_linen(np.uint32(seed), x)["params"]
        first, second = layers["Dense_0"], layers["Dense_1"]
    else:
        from .nnx import initialise as initialise_nnx

        y = np.zeros((1, outputs), np.float32)
        layers = initialise_nnx(np.uint32(seed), x, y)
        first, second = layers["l1"], layers["l2"]
    arrays = (first["kernel"], first["bias"], second["kernel"], second["bias"])
    return Weights(*map(np.asarray, arrays))
