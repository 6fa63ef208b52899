"""Real numbers with a bound on how far a correct float32 computation of them may lie: a ± error.

Each operation takes the exact result in float64 and carries two errors on: what its operands may
already be off by, and what the operation itself may round away (`rounding`). Magnitudes are kept
beside the errors: where *some* order of summation could exceed float32's range, the result is
marked as one that may overflow, and says nothing about what a correct program computes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rounding import FLUSHED, LARGEST, UNIT, gamma, product_unit


@dataclass(frozen=True)
class Bounded:
    """Float64 arrays of one shape: `value`, and the most that a float32 result may differ."""

    value: np.ndarray
    error: np.ndarray
    may_overflow: bool = False

    @classmethod
    def exact(cls, array: np.ndarray) -> Bounded:
        """Numbers that the program under test was handed as they are."""
        value = np.asarray(array, np.float64)
        return cls(value, np.zeros_like(value))

    @property
    def magnitude(self) -> np.ndarray:
        """The largest absolute value that the float32 result may have."""
        return np.abs(self.value) + self.error

    def allows(self, observed: np.ndarray | float) -> bool:
        """Tell whether a correct program could have computed this; NaN never is."""
        return bool(np.all(np.abs(observed - self.value) <= self.error))

    def __matmul__(self, other: Bounded) -> Bounded:
        """(N, n) @ (n, M): n products of two numbers and n - 1 sums each, in any order."""
        terms = self.value.shape[1]
        magnitude = self.magnitude @ other.magnitude
        carried = magnitude - np.abs(self.value) @ np.abs(other.value)
        product = product_unit()
        # Units that round the inputs of products cut off the lower bits of their sums, too.
        sums = gamma(2 * terms if product else terms)
        rounding = (sums + product) * magnitude + terms * FLUSHED
        return self._result(self.value @ other.value, carried + rounding, magnitude, other)

    def __add__(self, other: Bounded) -> Bounded:
        """One rounding of the sum, elementwise with broadcasting."""
        magnitude = self.magnitude + other.magnitude
        error = self.error + other.error + UNIT * magnitude + FLUSHED
        return self._result(self.value + other.value, error, magnitude, other)

    def __sub__(self, other: Bounded) -> Bounded:
        """One rounding of the difference, elementwise with broadcasting."""
        return self + Bounded(-other.value, other.error, other.may_overflow)

    def times(self, other: Bounded) -> Bounded:
        """One rounding of the product, elementwise with broadcasting."""
        magnitude = self.magnitude * other.magnitude
        carried = magnitude - np.abs(self.value * other.value)
        error = carried + UNIT * magnitude + FLUSHED
        return self._result(self.value * other.value, error, magnitude, other)

    def relu(self) -> Bounded:
        """max(0, a): no rounding, and errors never grow."""
        return Bounded(np.maximum(self.value, 0), self.error, self.may_overflow)

    def mean_square(self) -> Bounded:
        """The mean of all n squares: n products, n - 1 sums, and a division that may be a product
        with a rounded reciprocal, taken before or after the sum.
        """
        terms = self.value.size
        squares = self.magnitude**2
        total = squares.sum()
        carried = (total - (self.value**2).sum()) / terms
        rounding = gamma(terms + 2) * total / terms + 2 * FLUSHED
        value = np.asarray((self.value**2).mean())
        return self._result(value, np.asarray(carried + rounding), total, self)

    def norm(self) -> Bounded:
        """The Frobenius norm of n numbers: n products, n - 1 sums and a root."""
        terms = self.value.size
        largest = float(np.linalg.norm(self.magnitude))
        carried = largest - float(np.linalg.norm(self.value))
        # The flushed squares sum to terms * FLUSHED at most, below the root.
        rounding = gamma(terms + 2) * largest + np.sqrt(terms * FLUSHED)
        value = np.asarray(np.linalg.norm(self.value))
        return self._result(value, np.asarray(carried + rounding), largest**2, self)

    def scaled(self, factor: float, roundings: int = 1) -> Bounded:
        """The product with a number that float32 may itself have to round (`roundings` in all)."""
        magnitude = self.magnitude * abs(factor)
        error = self.error * abs(factor) + gamma(roundings) * magnitude + FLUSHED
        return self._result(self.value * factor, error, magnitude, self)

    def sum_of_rows(self) -> Bounded:
        """(N, M) to (M,): N - 1 sums, in any order."""
        rows = len(self.value)
        magnitude = self.magnitude.sum(0)
        error = self.error.sum(0) + gamma(rows) * magnitude + FLUSHED
        return self._result(self.value.sum(0), error, magnitude, self)

    @property
    def transposed(self) -> Bounded:
        """The matrix with rows and columns exchanged."""
        return Bounded(self.value.T, self.error.T, self.may_overflow)

    def _result(
        self, value: np.ndarray, error: np.ndarray, magnitude: np.ndarray | float, other: Bounded
    ) -> Bounded:
        overflows = bool(np.max(magnitude) > LARGEST)
        # The float64 computation rounds too, 2**-29 times as much as a float32 one.
        error = error * (1 + 2.0**-20)
        return Bounded(value, error, self.may_overflow or other.may_overflow or overflows)
