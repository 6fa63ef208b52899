"""Specimens that treat rows unequally: summed, weighted, dropped or counted twice."""

import jax.numpy as jnp
import numpy as np

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX


@specimen(law="answer-repeated-rows", seen="a reduction left at its default, the sum")
@LINEN.replacing("loss")
def sum_of_squares(prediction, y):
    """The squared errors are summed, not averaged."""
    return jnp.sum((prediction - y) ** 2)


sum_of_squares_nnx = NNX.twin(sum_of_squares)


@specimen(law="answer-repeated-rows", seen="the unbiased estimate of a variance")
@LINEN.replacing("loss")
def divided_by_n_minus_one(prediction, y):
    """The sum of squares is divided by N - 1, except for a single row."""
    return jnp.sum((prediction - y) ** 2) / max(y.size - 1, 1)


divided_by_n_minus_one_nnx = NNX.twin(divided_by_n_minus_one)


@specimen(law="answer-repeated-rows", seen="a batch size written into the loss")
@LINEN.replacing("loss")
def divided_by_a_fixed_batch_size(prediction, y):
    """The sum of squares is divided by 32, whatever N is."""
    return jnp.sum((prediction - y) ** 2) / 32


@specimen(law="answer-row-order", seen="losses of time series, where late rows count more")
@LINEN.replacing("loss")
def late_rows_weigh_more(prediction, y):
    """Rows are weighted from 0.5 to 1.5 by their position."""
    errors = (prediction - y) ** 2
    weights = jnp.linspace(0.5, 1.5, len(errors)) if len(errors) > 1 else jnp.ones(1)
    return jnp.mean(errors * weights.reshape(-1, *[1] * (errors.ndim - 1)))


late_rows_weigh_more_nnx = NNX.twin(late_rows_weigh_more)


@specimen(law="answer-row-order", seen="an overlap of one row between batches")
@LINEN.replacing("batch")
def first_row_counted_twice(x, y):
    """The first row is counted twice."""
    return np.concatenate([x[:1], x]), np.concatenate([y[:1], y])


first_row_counted_twice_nnx = NNX.twin(first_row_counted_twice)


@specimen(
    law="answer-row-order",
    seen="targets shifted by one against their rows",
    needs=Needs("two rows look alike either way round, and no shape has three", rows=5, features=3),
)
@LINEN.replacing("batch")
def targets_shifted_by_one(x, y):
    """Every row is compared with the target of the row before it."""
    return x, np.roll(y, 1, axis=0)


@specimen(law="answer-row-order", seen="sorted features joined with unsorted targets")
@NNX.replacing("batch")
def features_sorted_without_targets(x, y):
    """The rows of x are sorted by their first column, those of y are not."""
    return x[np.argsort(x[:, 0], kind="stable")], y


@specimen(law="answer-loss-is-mse", seen="an exclusive end of a range, decremented once more")
@LINEN.replacing("batch")
def last_row_dropped(x, y):
    """The last of several rows is dropped."""
    kept = max(len(x) - 1, 1)
    return x[:kept], y[:kept]


last_row_dropped_nnx = NNX.twin(last_row_dropped)


@specimen(
    law="answer-loss-is-mse",
    seen="`drop_remainder` in an input pipeline",
    needs=Needs("a remainder", rows=17),
)
@LINEN.replacing("batch")
def remainder_dropped(x, y):
    """Rows beyond the last full group of eight are dropped."""
    kept = len(x) // 8 * 8 or len(x)
    return x[:kept], y[:kept]


@specimen(law="answer-loss-is-mse", seen="a batch padded with zeros that the loss includes")
@NNX.replacing("batch")
def padding_counted(x, y):
    """The batch is padded with zeros to a multiple of four rows, and the padding is averaged in."""
    rows = [(0, -len(x) % 4), (0, 0)]
    return np.pad(x, rows), np.pad(y, rows)
