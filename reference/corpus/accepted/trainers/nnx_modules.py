"""Correct trainers of NNX modules: names alike, tied or normalised weights, statistics, noise."""

import jax.numpy as jnp
from flax import nnx

from frostproof import NnxTrainer
from frostproof.reference.corpus.accepted.trainers.nnx_steps import (
    EXACT,
    FEW,
    TwoLayer,
    create_with,
    plainly,
    step,
    stepping,
)
from frostproof.reference.corpus.register import accepted


class Siblings(nnx.Module):
    """Layers whose names are prefixes and suffixes of each other, side by side."""

    def __init__(self, inputs, *, rngs):
        """Make the layers."""
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.l11 = nnx.Linear(inputs, 4, rngs=rngs)
        self.xl1 = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.xl1(jnp.tanh(self.l1(x) + self.l11(x)))


names_alike = accepted(NnxTrainer(create_with(Siblings), step, promise=EXACT, **plainly))


class Tied(nnx.Module):
    """The same weights twice, and a head."""

    def __init__(self, inputs, *, rngs):
        """Tie the second layer to the first."""
        self.l1 = nnx.Linear(inputs, inputs, rngs=rngs)
        self.again = nnx.Linear(inputs, inputs, rngs=rngs)
        self.again.kernel = self.l1.kernel
        self.l2 = nnx.Linear(inputs, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(jnp.tanh(self.again(jnp.tanh(self.l1(x)))))


# The state of a module names tied weights once, by what sorts first.
_untied = nnx.All(nnx.Param, nnx.Not(nnx.Any(nnx.PathContains("l1"), nnx.PathContains("again"))))
tied_weights = accepted(
    NnxTrainer(
        create_with(Tied, _untied), stepping(_untied), frozen=("again", "l1"), optimizers=FEW
    )
)


# Each call stores the normalised weights: of a layer that trains it may.


def _normalised_by(norm):
    def make(inputs, *, rngs):
        model = TwoLayer(inputs, rngs=rngs)
        model.l2 = norm(model.l2, rngs=rngs)
        return model

    return create_with(make)


_alone = {**plainly, "promise": ("selected", "value", "isolated")}
weight_norm = accepted(NnxTrainer(_normalised_by(nnx.WeightNorm), step, **_alone))
spectral_norm = accepted(NnxTrainer(_normalised_by(nnx.SpectralNorm), step, **_alone))


# Statistics and noise.


class Normalised(TwoLayer):
    """`l1` normalises by its statistics as they are."""

    def __init__(self, inputs, *, rngs):
        """Put the normalisation inside of `l1`."""
        super().__init__(inputs, rngs=rngs)
        norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.l1 = nnx.Sequential(self.l1, norm)


statistics_in_use = accepted(NnxTrainer(create_with(Normalised), step, promise=EXACT, **plainly))


class Dropping(TwoLayer):
    """A model with Dropout, whose random state moves."""

    def __init__(self, inputs, *, rngs):
        """Add the Dropout."""
        super().__init__(inputs, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.l2(self.dropout(nnx.relu(self.l1(x))))


dropout = accepted(NnxTrainer(create_with(Dropping), step, **plainly))
