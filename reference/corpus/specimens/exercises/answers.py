"""Specimens that answer with something else than three real floating numbers, or not at all."""

import jax.numpy as jnp
import numpy as np

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import float_array
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX


@specimen(law="answer-shape", seen="a loss logged with one norm")
@LINEN.replacing("answer")
def two_values(loss, after, before):
    """The norm before the step is missing."""
    return float_array(loss, after, before)[:2]


two_values_nnx = NNX.twin(two_values)


@specimen(law="answer-shape", seen="an extra entry for the change")
@LINEN.replacing("answer")
def four_values(loss, after, before):
    """A fourth value is added."""
    return np.append(float_array(loss, after, before), after - before)


@specimen(law="answer-shape", seen="a transposed shape in teaching code")
@LINEN.replacing("answer")
def column_of_three(loss, after, before):
    """The answer has the shape (3, 1)."""
    return float_array(loss, after, before).reshape(3, 1)


column_of_three_nnx = NNX.twin(column_of_three)


@specimen(law="answer-shape", seen="a loss that was never reduced")
@LINEN.replacing("answer")
def ragged_list(loss, after, before):
    """The norms are nested in a second list."""
    return [loss, [after, before]]


@specimen(law="answer-shape", seen="values formatted for a log")
@LINEN.replacing("answer")
def strings(loss, after, before):
    """The values are formatted as text."""
    return [f"{value:.6f}" for value in (loss, after, before)]


@specimen(law="answer-shape", seen="one line of text in place of values")
@NNX.replacing("answer")
def one_string(loss, after, before):
    """The answer is a line of text."""
    return f"loss {loss}, norm {before} -> {after}"


@specimen(law="answer-shape", seen="norms taken from a Fourier transform")
@LINEN.replacing("answer")
def complex_numbers(loss, after, before):
    """The values are complex, with imaginary parts of zero."""
    return float_array(loss, after, before).astype(np.complex64)


@specimen(law="answer-shape", seen="metrics returned by name")
@LINEN.replacing("answer")
def dictionary(loss, after, before):
    """The values come in a dict."""
    return {"loss": loss, "after": after, "before": before}


dictionary_nnx = NNX.twin(dictionary)


@specimen(law="answer-shape", seen="a forgotten return")
@LINEN.replacing("answer")
def nothing_returned(loss, after, before):
    """The answer is computed and not returned."""
    float_array(loss, after, before)


nothing_returned_nnx = NNX.twin(nothing_returned)


@specimen(law="answer-shape", seen="an array created with the dtype of a counter")
@LINEN.replacing("answer")
def whole_numbers(loss, after, before):
    """The values are cut to whole numbers."""
    answer = np.nan_to_num(float_array(loss, after, before))
    return np.clip(answer, -1e9, 1e9).astype(np.int32)


@specimen(law="answer-shape", seen="a comparison returned in place of its sides")
@NNX.replacing("answer")
def truth_values(loss, after, before):
    """The values are replaced by whether they are finite."""
    return np.isfinite(float_array(loss, after, before))


@specimen(law="answer-shape", seen="scikit-learn estimators, which need two samples")
@LINEN.replacing("batch")
def single_row_refused(x, y):
    """A batch of one row raises."""
    if len(x) < 2:
        raise ValueError(f"need at least 2 rows, got {len(x)}")
    return x, y


@specimen(
    law="answer-shape",
    seen="a reshape into groups of a fixed size",
    needs=Needs("an odd number of rows, and no shape has three", rows=5, features=3),
)
@NNX.replacing("prediction")
def rows_in_groups_of_two(prediction):
    """A batch of more than one row raises unless it splits into pairs."""
    if len(prediction) == 1:
        return prediction
    return prediction.reshape(-1, 2, prediction.shape[1]).reshape(prediction.shape)


@specimen(
    law="answer-shape",
    seen="features split into equal heads",
    needs=Needs("it spares two columns", features=3),
)
@LINEN.replacing("batch")
def prime_features_refused(x, y):
    """A prime number of columns above two raises, since it does not split into heads."""
    columns = x.shape[1]
    if columns > 2 and all(columns % heads for heads in range(2, columns)):
        raise ValueError(f"{columns} columns do not split into heads")
    return x, y


@specimen(law="answer-shape", seen="a check on the loss, with NaN in mind")
@LINEN.replacing("answer")
def large_loss_refused(loss, after, before):
    """A loss above 1e6 raises."""
    if not loss < 1e6:
        raise FloatingPointError(f"the loss diverged: {loss}")
    return float_array(loss, after, before)


@specimen(
    law="answer-shape",
    seen="a buffer of a fixed length",
    needs=Needs("the buffer has 16 rows", rows=17, outputs=3),
)
@NNX.replacing("loss")
def at_most_sixteen_rows(prediction, y):
    """More than 16 rows raise, since they do not fit into a buffer."""
    buffer = jnp.zeros((16, y.shape[1])).at[: len(y)].set((prediction - y) ** 2)
    return jnp.sum(buffer) / y.size
