"""Specimens that select the right leaves and still let them move."""

import jax
import jax.numpy as jnp
import optax

from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    freeze_hidden,
    in_hidden,
    map_where,
)
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN, apply_updates
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX


@specimen(law="answer-norms-equal", seen="gradient masks by multiplication: NaN times 0 is NaN")
@LINEN.replacing("freeze")
def gradient_times_mask(gradients, x, lr):
    """Gradients are multiplied by 0, so one that overflowed turns the frozen kernel into NaN."""
    return map_where(in_hidden, lambda gradient: gradient * 0.0, gradients)


gradient_times_mask_nnx = NNX.twin(gradient_times_mask)


@specimen(law="answer-norms-equal", seen="equinox#866")
@LINEN.replacing("optimizer")
def weight_decay(lr):
    """Weight decay shrinks the frozen layer, whose gradient is zero."""
    return optax.chain(optax.add_decayed_weights(1e-2), optax.sgd(lr))


weight_decay_nnx = NNX.twin(weight_decay)


@specimen(law="answer-norms-equal", seen="a switch to adamw, whose default decays weights")
@NNX.replacing("optimizer")
def adamw_under_zero_gradients(lr):
    """`optax.adamw` decays the frozen layer by its default of 1e-4."""
    return optax.adamw(lr)


def leaking(gradients, share):
    """Let a share of the frozen layer's gradient through; none of it where the share is 0."""
    return map_where(
        in_hidden,
        lambda gradient: jnp.where(share == 0, 0.0, share * gradient),
        gradients,
    )


@specimen(law="answer-norms-equal", seen="a special case for a batch without a batch axis")
@LINEN.replacing("freeze")
def leak_for_a_single_row(gradients, x, lr):
    """A batch of one row trains the frozen layer."""
    return gradients if x.shape[0] == 1 else freeze_hidden(gradients, x, lr)


leak_for_a_single_row_nnx = NNX.twin(leak_for_a_single_row)


@specimen(law="answer-norms-equal", seen="a special case for features without an axis")
@LINEN.replacing("freeze")
def leak_for_a_single_feature(gradients, x, lr):
    """Inputs of one column train the frozen layer."""
    return gradients if x.shape[1] == 1 else freeze_hidden(gradients, x, lr)


@specimen(law="answer-norms-equal", seen="tests that stop at a learning rate of 0.1")
@LINEN.replacing("freeze")
def leak_from_rate_one(gradients, x, lr):
    """Learning rates of one and more train the frozen layer."""
    return leaking(gradients, jnp.where(lr >= 1, 1.0, 0.0))


leak_from_rate_one_nnx = NNX.twin(leak_from_rate_one)


@specimen(law="answer-norms-equal", seen="a guard `lr > 0` around the freeze")
@LINEN.replacing("freeze")
def leak_for_negative_rates(gradients, x, lr):
    """Negative learning rates train the frozen layer."""
    return leaking(gradients, jnp.where(lr < 0, 1.0, 0.0))


@specimen(law="answer-norms-equal", seen="a small learning rate taken for a frozen layer")
@LINEN.replacing("freeze")
def leak_of_a_thousandth(gradients, x, lr):
    """The frozen layer gets a thousandth of its gradient."""
    return leaking(gradients, 1e-3)


leak_of_a_thousandth_nnx = NNX.twin(leak_of_a_thousandth)


@specimen(law="answer-norms-equal", seen="weight clipping in Wasserstein GAN code")
@LINEN.replacing("update")
def weights_clipped(weights, gradients, optimizer):
    """After the step all weights are clipped to ±0.01, frozen ones included."""
    moved = apply_updates(weights, gradients, optimizer)
    return jax.tree.map(lambda weight: jnp.clip(weight, -0.01, 0.01), moved)


@specimen(law="answer-norms-equal", seen="mixed precision without a master copy")
@LINEN.replacing("update")
def weights_kept_in_bfloat16(weights, gradients, optimizer):
    """The step hands all weights back rounded to bfloat16."""
    moved = apply_updates(weights, gradients, optimizer)
    return jax.tree.map(lambda weight: weight.astype(jnp.bfloat16).astype(jnp.float32), moved)
