"""The gradients of a reference network in NumPy, with the bounds of a correct float32 program.

Dense layers alone: x W + b, and elu(z) = z for z > 0, exp(z) - 1 elsewhere, before every layer but
the first. The loss is the mean squared error over all elements. Backwards as in every textbook
(Goodfellow, Bengio and Courville 2016, section 6.5); nothing here calls JAX.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..numerics.error_bounds import Bounded
from ..numerics.rounding import FLUSHED, UNIT
from ..problems.architecture import Architecture
from ..pytrees.paths import Path
from ..pytrees.snapshot import Snapshot

#: Unit roundoffs by which exp(z) - 1 of a backend may be off, relative to itself: XLA's on CPU was
#: off by 6.0 at most (two million arguments in [-20, 0], jax 0.10.2).
_EXP_UNITS = 16


def gradients(
    architecture: Architecture, params: Snapshot, x: np.ndarray, y: np.ndarray
) -> Mapping[Path, Bounded] | None:
    """Return the gradient of the loss for each leaf, for x (N, features) and y (N, outputs).

    None for architectures with other than dense layers.
    """
    if any(layer.kind != "dense" for layer in architecture.layers):
        return None
    inputs = Bounded.exact(x)
    sums: list[Bounded] = []
    weights = {path: Bounded.exact(leaf.array) for path, leaf in params.items()}
    entered: list[Bounded] = []
    for layer in architecture.layers:
        entered.append(inputs if not sums else elu(sums[-1]))
        sums.append(entered[-1] @ weights[(*layer.path, "kernel")] + weights[(*layer.path, "bias")])
    found: dict[Path, Bounded] = {}
    # One rounding each: the difference, its double, and the division by the number of elements.
    change = (sums[-1] - Bounded.exact(y)).scaled(2 / y.size, roundings=3)
    for place in reversed(range(len(sums))):
        layer = architecture.layers[place]
        found[(*layer.path, "kernel")] = entered[place].transposed @ change
        found[(*layer.path, "bias")] = change.sum_of_rows()
        if place:
            kernel = weights[(*layer.path, "kernel")]
            change = (change @ kernel.transposed).times(elu_slope(sums[place - 1]))
    return found


def elu(z: Bounded) -> Bounded:
    """Return elu(z), whose slope is at most 1: errors do not grow."""
    value = np.where(z.value > 0, z.value, np.expm1(np.minimum(z.value, 0)))
    rounding = np.where(z.value - z.error > 0, 0.0, _EXP_UNITS * UNIT * np.abs(value))
    return Bounded(value, z.error + rounding + FLUSHED, z.may_overflow)


def elu_slope(z: Bounded) -> Bounded:
    """Return elu'(z): 1 for z > 0 and exp(z) elsewhere, continuous and of slope at most 1.

    JAX computes it as (exp(z) - 1) + 1, whose error is absolute.
    """
    value = np.exp(np.minimum(z.value, 0))
    error = np.minimum(z.error, 1.0) + (_EXP_UNITS + 1) * UNIT
    return Bounded(value, np.where(z.value - z.error > 0, 0.0, error), z.may_overflow)
