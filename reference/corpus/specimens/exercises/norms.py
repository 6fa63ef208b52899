"""Specimens that measure something else than the Frobenius norm of the frozen kernel."""

import numpy as np

from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    exact_norm,
    float_array,
    freeze_nothing,
)
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX


@specimen(law="answer-norm-is-initial-norm", seen="the wrong layer's name in a report")
@LINEN.replacing("norm")
def norm_of_the_output_kernel(hidden, output):
    """The kernel of the output layer is measured, which trains."""
    return exact_norm(output["kernel"])


norm_of_the_output_kernel_nnx = NNX.twin(norm_of_the_output_kernel)


@specimen(law="answer-norm-is-initial-norm", seen="the first leaf of a tree, in sorted order")
@LINEN.replacing("norm")
def norm_of_the_bias(hidden, output):
    """The bias of the frozen layer is measured, which is zero: equal norms that say nothing."""
    return exact_norm(hidden["bias"])


norm_of_the_bias_nnx = NNX.twin(norm_of_the_bias)


@specimen(law="answer-norm-is-initial-norm", seen="`optax.global_norm` of all parameters")
@NNX.replacing("norm")
def norm_of_all_weights(hidden, output):
    """All weights are measured together."""
    return exact_norm(np.concatenate([hidden["kernel"].ravel(), output["kernel"].ravel()]))


@specimen(law="answer-norm-is-initial-norm", seen="`norm(kernel, 2)`, spectral for a matrix")
@LINEN.replacing("norm")
def spectral_norm(hidden, output):
    """The largest singular value is reported, which is right for a single feature only."""
    return np.linalg.norm(hidden["kernel"], 2)


spectral_norm_nnx = NNX.twin(spectral_norm)


@specimen(law="answer-norm-is-initial-norm", seen="a sum of absolute values")
@LINEN.replacing("norm")
def sum_of_absolute_values(hidden, output):
    """The L1 norm is reported."""
    return np.abs(hidden["kernel"]).sum()


@specimen(law="answer-norm-is-initial-norm", seen="a forgotten square root")
@LINEN.replacing("norm")
def squared_norm(hidden, output):
    """The square of the norm is reported."""
    return exact_norm(hidden["kernel"]) ** 2


squared_norm_nnx = NNX.twin(squared_norm)


@specimen(law="answer-norm-is-initial-norm", seen="a mean taken for a sum")
@NNX.replacing("norm")
def root_mean_square(hidden, output):
    """The norm is divided by the square root of the number of entries."""
    return exact_norm(hidden["kernel"]) / np.sqrt(hidden["kernel"].size)


@specimen(law="answer-norm-is-initial-norm", seen="a report rounded to two places")
@LINEN.replacing("norm")
def norm_rounded_to_two_places(hidden, output):
    """The norm is rounded to two decimal places."""
    return np.round(exact_norm(hidden["kernel"]), 2)


@specimen(law="answer-norm-is-initial-norm", seen="a norm read twice from the trained weights")
@LINEN.replacing("answer", freeze=freeze_nothing)
def norm_after_reported_twice(loss, after, before):
    """The kernel trains, and its norm after the step is reported for both."""
    return float_array(loss, after, after)


norm_after_reported_twice_nnx = NNX.twin(norm_after_reported_twice)


@specimen(law="answer-xray-frozen", seen="a norm taken once and printed twice")
@LINEN.replacing("answer", freeze=freeze_nothing)
def norm_before_reported_twice(loss, after, before):
    """The kernel trains, and its initial norm is reported for both."""
    return float_array(loss, before, before)


norm_before_reported_twice_nnx = NNX.twin(norm_before_reported_twice)


@specimen(law="answer-norm-is-initial-norm", seen="a difference reported as a value")
@NNX.replacing("answer")
def change_of_the_norm_reported(loss, after, before):
    """The change of the norm is reported in place of both norms."""
    return float_array(loss, after - before, after - before)
