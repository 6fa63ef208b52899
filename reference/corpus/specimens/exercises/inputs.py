"""Specimens that change their inputs: in place, or before they train on them."""

import numpy as np

from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX


def scale(x):
    """Return the mean and deviation of each column; a constant column has the deviation 1."""
    mean, deviation = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    return mean, np.where(deviation > 0, deviation, 1.0)


@specimen(law="answer-loss-is-mse", seen="preprocessing hidden in a training function")
@LINEN.replacing("batch")
def columns_standardised(x, y):
    """The columns of x are standardised first."""
    mean, deviation = scale(x)
    return ((x - mean) / deviation).astype(np.float32), y


columns_standardised_nnx = NNX.twin(columns_standardised)


@specimen(law="answer-loss-is-mse", seen="outliers clipped by a data loader")
@LINEN.replacing("batch")
def targets_clipped(x, y):
    """Targets beyond ±1 are clipped."""
    return x, np.clip(y, -1, 1)


@specimen(law="answer-inputs-untouched", seen="`x -= x.mean(0)`")
@LINEN.replacing("batch")
def columns_standardised_in_place(x, y):
    """The caller's x is standardised in place."""
    mean, deviation = scale(x)
    x[...] = (x - mean) / deviation
    return x, y


columns_standardised_in_place_nnx = NNX.twin(columns_standardised_in_place)


@specimen(law="answer-inputs-untouched", seen="`rng.shuffle`, which works in place")
@LINEN.replacing("batch")
def rows_reversed_in_place(x, y):
    """The caller's rows are reordered, x and y alike, so that the loss is still right."""
    x[...], y[...] = x[::-1].copy(), y[::-1].copy()
    return x, y


rows_reversed_in_place_nnx = NNX.twin(rows_reversed_in_place)


@specimen(law="answer-inputs-untouched", kind="linen", seen="a buffer reused for a report")
def targets_centred_afterwards(seed, x, y, lr):
    """The caller's y is centred in place after the step."""
    answer = LINEN.exercise(seed, x, y, lr)
    y -= y.mean(dtype=np.float64).astype(np.float32)
    return answer


@specimen(law="answer-inputs-untouched", kind="nnx", seen="NaN guards that work in place")
def inputs_clipped_afterwards(seed, x, y, lr):
    """The caller's x is clipped to ±1 in place after the step."""
    answer = NNX.exercise(seed, x, y, lr)
    np.clip(x, -1, 1, out=x)
    return answer
