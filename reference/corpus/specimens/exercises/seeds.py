"""Specimens that start from other weights than those of the seed."""

import flax.linen as nn
import jax
import numpy as np
from flax import nnx

from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN, TwoDense
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX, TwoLayer


@specimen(
    law="answer-norm-is-initial-norm",
    seen="`PRNGKey(0)` left over from a notebook",
    needs=Needs("another seed than 0", seed=1),
)
@LINEN.replacing("seed")
def seed_ignored(seed):
    """The weights always come from seed 0."""
    return np.uint32(0)


seed_ignored_nnx = NNX.twin(seed_ignored)


@specimen(
    law="answer-norm-is-initial-norm",
    seen="a seed that passed through `jnp.asarray`",
    needs=Needs("the first seed that float32 does not have", seed=2**24 + 1),
)
@LINEN.replacing("seed")
def seed_through_float32(seed):
    """The seed is rounded to float32, which has no odd numbers above 2**24."""
    return np.uint32(int(np.float32(seed)) % 2**32)


seed_through_float32_nnx = NNX.twin(seed_through_float32)


@specimen(
    law="answer-norm-is-initial-norm",
    seen="seeds kept in 16 bits",
    needs=Needs("the first seed of 17 bits", seed=2**16),
)
@LINEN.replacing("seed")
def seed_of_16_bits(seed):
    """Seeds that agree in their low 16 bits give the same weights."""
    return np.uint32(int(seed) & 0xFFFF)


seed_of_16_bits_nnx = NNX.twin(seed_of_16_bits)


@specimen(
    law="answer-norm-is-initial-norm",
    seen="seeds squeezed into a signed integer",
    needs=Needs("a seed that int32 does not have", seed=2**32 - 1),
)
@LINEN.replacing("seed")
def seed_saturates_at_int32(seed):
    """Seeds above 2**31 - 1 are taken for it."""
    return np.uint32(min(int(seed), 2**31 - 1))


@specimen(law="answer-norm-is-initial-norm", seen="`seed or default`, which takes 0 for absent")
@LINEN.replacing("seed")
def seed_zero_taken_for_absent(seed):
    """Seed 0 is taken for no seed, and 42 is used."""
    return np.uint32(int(seed) or 42)


seed_zero_taken_for_absent_nnx = NNX.twin(seed_zero_taken_for_absent)


@specimen(law="answer-norm-is-initial-norm", seen="a key that is split before its first use")
@LINEN.replacing("key")
def key_split_before_init(seed):
    """The weights come from a split of the seed's key, not from the key."""
    return jax.random.split(jax.random.PRNGKey(seed))[0]


key_split_before_init_nnx = NNX.twin(key_split_before_init)


class Renamed(TwoDense):
    """The model of the exercise, with other names for the layers."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        hidden = nn.Dense(self.width, name="hidden")(x)
        return nn.Dense(1, name="output")(self.activation(hidden))


@specimen(law="answer-norm-is-initial-norm", seen="Linen, which mixes names into the seed")
@LINEN.replacing("model")
def layers_renamed(width, activation):
    """The layers have other names, from which Linen draws other weights for the same seed."""
    return Renamed(width, activation)


@specimen(law="answer-norm-is-initial-norm", seen="a change of the default initializer")
@LINEN.replacing("model")
def he_initialisation(width, activation):
    """The kernels are drawn with twice the variance."""
    return HeDense(width, activation)


class HeDense(TwoDense):
    """The model of the exercise with He's initial weights."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        he = nn.initializers.he_normal()
        hidden = nn.Dense(self.width, kernel_init=he)(x)
        return nn.Dense(1, kernel_init=he)(self.activation(hidden))


class OutputFirst(TwoLayer):
    """The model of the exercise, whose output layer is made first."""

    def __init__(self, inputs, outputs, width, activation, rngs):
        """Draw the weights of `l2` first."""
        self.l2 = nnx.Linear(width, outputs, rngs=rngs)
        self.l1 = nnx.Linear(inputs, width, rngs=rngs)
        self.activation = activation


@specimen(law="answer-norm-is-initial-norm", seen="layers reordered in a constructor")
@NNX.replacing("model")
def output_layer_drawn_first(*sizes, rngs):
    """The layers are made in the other order, so each gets the other's random numbers."""
    return OutputFirst(*sizes, rngs=rngs)
