"""Specimens of another architecture: a wrong width, a wrong activation, a wrong bias."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN, TwoDense
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX


@specimen(law="answer-norm-is-initial-norm", seen="a width from another exercise")
@LINEN.replacing("width")
def sixteen_hidden_units(inputs, outputs):
    """The hidden layer has 16 units instead of 8."""
    return 16


@specimen(law="answer-norm-is-initial-norm", seen="a width from the Linen exercise")
@NNX.replacing("width")
def eight_hidden_units_nnx(inputs, outputs):
    """The hidden layer has 8 units instead of 4."""
    return 8


@specimen(law="answer-norm-is-initial-norm", seen="a transposed shape in teaching code")
@LINEN.replacing("width")
def width_of_the_input(inputs, outputs):
    """The hidden layer is as wide as the input, which is right for 8 columns only."""
    return inputs


@specimen(law="answer-norm-is-initial-norm", seen="a transposed shape in teaching code")
@NNX.replacing("width")
def width_of_the_output_nnx(inputs, outputs):
    """The hidden layer is as wide as the output."""
    return outputs


@specimen(law="answer-loss-is-mse", seen="another default activation")
@LINEN.replacing("activation")
def tanh_instead_of_relu(hidden):
    """The activation is tanh."""
    return jnp.tanh(hidden)


tanh_instead_of_relu_nnx = NNX.twin(tanh_instead_of_relu)


@specimen(law="answer-loss-is-mse", seen="another default activation")
@LINEN.replacing("activation")
def gelu_instead_of_relu(hidden):
    """The activation is gelu, close to relu for large values only."""
    return jax.nn.gelu(hidden)


@specimen(law="answer-loss-is-mse", seen="another default activation")
@NNX.replacing("activation")
def leaky_relu_nnx(hidden):
    """The activation lets a hundredth of negative values through."""
    return jax.nn.leaky_relu(hidden)


@specimen(law="answer-loss-is-mse", seen="a forgotten activation")
@LINEN.replacing("activation")
def relu_forgotten(hidden):
    """No activation stands between the layers."""
    return hidden


relu_forgotten_nnx = NNX.twin(relu_forgotten)


@specimen(law="answer-loss-is-mse", seen="an activation after every layer, the last included")
@LINEN.replacing("prediction")
def relu_on_the_prediction(prediction):
    """The output passes through relu as well."""
    return jax.nn.relu(prediction.squeeze(-1))


class OnesForBiases(TwoDense):
    """The model of the exercise with biases of one."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        ones = nn.initializers.ones
        hidden = nn.Dense(self.width, bias_init=ones)(x)
        return nn.Dense(1, bias_init=ones)(self.activation(hidden))


@specimen(law="answer-loss-is-mse", seen="biases of one, against dead units")
@LINEN.replacing("model")
def biases_start_at_one(width, activation):
    """The biases start at one instead of zero."""
    return OnesForBiases(width, activation)


@specimen(
    law="answer-loss-is-mse",
    seen="a model for quantities that cannot be negative",
    needs=Needs("a prediction below zero, which seed 0 makes of no plain row", seed=2),
)
@NNX.replacing("prediction")
def absolute_prediction_nnx(prediction):
    """The absolute value of the prediction is compared with the target."""
    return jnp.abs(prediction)
