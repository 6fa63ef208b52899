"""Tells what a penalty on the weights adds to a loss from what the model makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from ..problems.training_problem import TrainingProblem
from .other_weights import TELLING, Change, keep, scatter_again

#: The first loss with other values of some leaves, on the batch of a number.
LossOfBatch = Callable[[Change, int], float | None]


def is_always_given_one_batch(problem: TrainingProblem) -> bool:
    """Tell whether the first two batches are the same, which tell no penalty from the model."""
    leaves, others = (jax.tree.leaves(problem.batch(number)) for number in (1, 2))
    return all(np.array_equal(one, other) for one, other in zip(leaves, others, strict=True))


def is_by_the_model(loss: LossOfBatch, change: Change) -> bool | None:
    """Tell whether other values of a leaf change the `loss` of a second batch otherwise than that
    of the first; None where a loss is not known.

    A penalty on the weights changes all alike, or by a factor that may depend on the batch: then
    another change of the leaf is as large, compared to this one, on both.
    """

    def differences(batch: int) -> np.ndarray:
        losses = [loss(each, batch) for each in (keep, change, scatter_again)]
        plain, *others = (np.nan if each is None else each for each in losses)
        return np.array([plain, *(other - plain for other in others)])

    (one, first, second), (other, third, fourth) = differences(1), differences(2)
    if np.isnan([one, first, other, third]).any():
        return None
    product, crossed = first * fourth, second * third
    compared = second != 0 or fourth != 0  # by the other change, a relu may be dead
    scaled = compared and abs(product - crossed) <= TELLING * (abs(product) + abs(crossed))
    return not (scaled or are_alike((one, one + first), (other, other + third)))


def are_alike(losses: Sequence[float], others: Sequence[float]) -> bool:
    """Tell whether the losses of two batches, each before and after a change of weights, differ
    alike, but for rounding.
    """
    (plain, changed), (other_plain, other_changed) = losses, others
    first, third = changed - plain, other_changed - other_plain
    return abs(third - first) <= TELLING * max(abs(first), abs(other_plain), abs(other_changed))
