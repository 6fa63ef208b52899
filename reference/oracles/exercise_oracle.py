"""The NumPy oracle of the two exercises: forward pass, loss, gradient and step, with bounds.

Forward and gradient share no code with JAX. Only the initial weights come from Flax's initialisers,
since the contract defines them by JAX's random bits.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from ..numerics.error_bounds import Bounded
from ..numerics.rounding import INITIAL_ULPS, UNIT
from ..problems.exercise_problem import ExerciseProblem


@lru_cache(maxsize=4096)  # as many as calls are remembered
def oracle_of(problem: ExerciseProblem) -> ExerciseOracle:
    """Return the oracle of a problem, the same object for all laws."""
    return ExerciseOracle(problem)


class ExerciseOracle:
    """The answers of a correct program: loss, norm of the frozen kernel, and the head's step.

    Each part is computed when a law asks for it: most laws need one part.
    """

    def __init__(self, problem: ExerciseProblem):
        self.problem = problem
        # Here, since frostproof's command line and pytest plugin read the laws without loading JAX.
        from .initial_weights import initial_weights

        self.weights = initial_weights(problem.api, problem.seed, problem.features, problem.outputs)

    @cached_property
    def kernel_norm(self) -> Bounded:
        """The Frobenius norm of the initial frozen kernel."""
        return _computed_by_jax(self.weights.kernel).norm()

    @cached_property
    def loss(self) -> Bounded:
        """The mean squared error before the step."""
        _, residual = self._forward()
        return residual.mean_square()

    @cached_property
    def head_kernel_gradient(self) -> Bounded:
        """d loss / d head kernel, (hidden, out)."""
        hidden, residual = self._forward()
        return hidden.transposed @ _slope(residual)

    @cached_property
    def head_bias_gradient(self) -> Bounded:
        """d loss / d head bias, (out,)."""
        _, residual = self._forward()
        return _slope(residual).sum_of_rows()

    @cached_property
    def unfrozen_move(self) -> float:
        """How far a step without a freeze would move the frozen kernel at most, in ulps."""
        kernel_gradient, _ = self.unfrozen_gradients
        with np.errstate(divide="ignore", invalid="ignore"):
            ulps = np.abs(self.problem.learning_rate * kernel_gradient / self.weights.kernel)
        return float(np.nanmax(ulps / (2 * UNIT)))

    @property
    def unfrozen_gradients(self) -> tuple[np.ndarray, np.ndarray]:
        """d loss / d kernel and d loss / d bias of the first layer, as float64 has them: without a
        bound, since JAX may see a sum that is almost zero on the other side of the relu.
        """
        weights = self.weights
        x, y = (array.astype(np.float64) for array in self.problem.batch())
        before_relu = x @ weights.kernel + weights.bias
        prediction = np.maximum(before_relu, 0) @ weights.head_kernel + weights.head_bias
        slope = 2 / prediction.size * (prediction - y.reshape(prediction.shape))
        hidden_slope = slope @ weights.head_kernel.T * (before_relu > 0)
        return x.T @ hidden_slope, hidden_slope.sum(0)

    def _forward(self) -> tuple[Bounded, Bounded]:
        """Return the hidden layer's output (N, hidden) and the residual (N, out).

        Not kept: a remembered call would hold its whole batch.
        """
        weights = self.weights
        batch = self.problem.batch()
        x = Bounded.exact(batch.x)
        y = Bounded.exact(batch.y.reshape(len(batch.y), -1))
        hidden = (x @ _computed_by_jax(weights.kernel) + Bounded.exact(weights.bias)).relu()
        prediction = hidden @ _computed_by_jax(weights.head_kernel)
        return hidden, prediction + Bounded.exact(weights.head_bias) - y


def _slope(residual: Bounded) -> Bounded:
    """d mean((p - y)**2) / d p = 2 (p - y) / n; the 1 / n may be a rounded reciprocal."""
    return residual.scaled(2 / residual.value.size, roundings=3)


def _computed_by_jax(weights: np.ndarray) -> Bounded:
    """Initial weights of another compilation of the same initialiser may differ by a few ulps."""
    value = weights.astype(np.float64)
    return Bounded(value, np.abs(value) * (2 * UNIT * INITIAL_ULPS))
