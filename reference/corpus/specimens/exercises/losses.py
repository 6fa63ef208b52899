"""Specimens that report another loss than the mean squared error before the step."""

import jax.numpy as jnp
from flax import nnx

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import mean_squared_error
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN, TwoDense
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX, TwoLayer


@specimen(law="answer-loss-before-step", seen="a loss logged from the updated state")
@LINEN.replacing("report")
def loss_after_the_step(before, after):
    """The loss is computed after the step."""
    return after()


loss_after_the_step_nnx = NNX.twin(loss_after_the_step)


@specimen(law="answer-loss-before-step", seen="running averages of the loss")
@LINEN.replacing("report")
def loss_averaged_over_the_step(before, after):
    """The mean of the losses before and after the step is reported."""
    return (before + after()) / 2


@specimen(law="answer-loss-is-mse", seen="textbooks, for a derivative without a factor")
@LINEN.replacing("loss")
def half_the_mse(prediction, y):
    """The loss is half the mean squared error."""
    return mean_squared_error(prediction, y) / 2


half_the_mse_nnx = NNX.twin(half_the_mse)


@specimen(law="answer-loss-is-mse", seen="a name that says error and means its absolute value")
@LINEN.replacing("loss")
def mean_absolute_error(prediction, y):
    """The loss is the mean absolute error."""
    return jnp.mean(jnp.abs(prediction - y))


mean_absolute_error_nnx = NNX.twin(mean_absolute_error)


@specimen(law="answer-loss-is-mse", seen="tables that report the RMSE")
@LINEN.replacing("loss")
def root_mean_squared_error(prediction, y):
    """The loss is the root of the mean squared error."""
    return jnp.sqrt(mean_squared_error(prediction, y))


root_mean_squared_error_nnx = NNX.twin(root_mean_squared_error)


@specimen(law="answer-loss-is-mse", seen="robust regression")
@LINEN.replacing("loss")
def huber_loss(prediction, y):
    """The loss is twice Huber's, so that it equals the squared error up to residuals of one."""
    residual = jnp.abs(prediction - y)
    return jnp.mean(jnp.where(residual <= 1, residual**2, 2 * residual - 1))


@specimen(law="answer-loss-is-mse", seen="a variance of residuals, which forgets their mean")
@NNX.replacing("loss")
def variance_of_residuals(prediction, y):
    """The mean residual is subtracted first."""
    return jnp.var(prediction - y)


@specimen(law="answer-loss-is-mse", seen="a mean over the batch axis alone")
@NNX.replacing("loss")
def summed_over_columns(prediction, y):
    """The squared error is averaged over the rows, but summed over the columns of y."""
    return jnp.sum(jnp.mean((prediction - y) ** 2, axis=0))


@specimen(law="answer-loss-is-mse", seen="single-output code on several outputs")
@NNX.replacing("loss")
def first_column_only(prediction, y):
    """The loss covers the first column of y alone."""
    return mean_squared_error(prediction[:, 0], y[:, 0])


@specimen(law="answer-loss-is-mse", seen="a prediction of (N, 1) less a target of (N,)")
@LINEN.replacing("prediction")
def prediction_not_squeezed(prediction):
    """(N, 1) minus (N,) broadcasts to (N, N): every row is compared with every target."""
    return prediction


@specimen(
    law="answer-loss-is-mse",
    seen="a squeeze on one side of the difference",
    needs=Needs(
        "rows whose predictions differ: the plainest ones leave all units dead", rows=9, features=7
    ),
)
@NNX.replacing("prediction")
def squeezed_against_a_column(prediction):
    """A squeezed single column minus (N, 1) broadcasts to (N, N)."""
    return prediction.squeeze()


@specimen(law="answer-loss-is-mse", seen="mixed precision that includes the loss")
@LINEN.replacing("loss")
def loss_in_bfloat16(prediction, y):
    """The squared errors are averaged in bfloat16."""
    squares = ((prediction - y) ** 2).astype(jnp.bfloat16)
    return jnp.mean(squares).astype(jnp.float32)


loss_in_bfloat16_nnx = NNX.twin(loss_in_bfloat16)


@specimen(law="answer-loss-is-mse", seen="`dtype=float16` on every layer")
@LINEN.replacing("model")
def layers_in_float16(width, activation):
    """The layers multiply in float16."""
    return TwoDense(width, activation, dtype=jnp.float16)


class HalfPrecision(TwoLayer):
    """The model with layers that multiply in float16."""

    @staticmethod
    def layer(inputs, outputs, *, rngs):
        """Keep the weights in float32, as `nnx.Linear` does."""
        return nnx.Linear(inputs, outputs, dtype=jnp.float16, rngs=rngs)


@specimen(law="answer-loss-is-mse", seen="`dtype=float16` on every layer")
@NNX.replacing("model")
def layers_in_float16_nnx(*sizes, rngs):
    """The layers multiply in float16."""
    return HalfPrecision(*sizes, rngs=rngs)


@specimen(law="answer-loss-is-mse", seen="NaN guards that outlive the bug they hid")
@LINEN.replacing("loss")
def loss_clipped_at_a_thousand(prediction, y):
    """Squared errors above 1e3 are clipped."""
    return jnp.mean(jnp.minimum((prediction - y) ** 2, 1e3))
