"""Faulty Optax wrappers that are built of Optax's own parts, as people put them together."""

import jax
import jax.numpy as jnp
import optax

from frostproof import OptaxFreeze, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.wrapper_recipe import (
    gradients_zeroed,
    labelled,
    partitioned,
    trained,
)


@specimen(law="frozen-value", kind="optax", seen="equinox#866, pytorch#38581")
def freeze_before_the_optimizer(optimizer, mask):
    """`chain(freeze, adamw)` zeroes the gradient, and weight decay moves the leaf all the same."""
    return gradients_zeroed(optimizer, mask)


@specimen(law="frozen-norm", seen="lion decays weights by default, as adamw does")
def zero_gradients_under_lion():
    """Gradients are zeroed before lion, whose default weight decay shrinks the frozen leaves."""
    return OptaxFreeze(gradients_zeroed, optimizers=Optimizers("lion"))


@specimen(law="frozen-value", seen="optax.yogi: both accumulators start at 1e-6")
def zero_gradients_under_yogi():
    """Gradients are zeroed before yogi, whose first moment is not zero at the start."""
    return OptaxFreeze(gradients_zeroed, optimizers=Optimizers("yogi"))


@specimen(law="frozen-value", seen="optax.fromage rescales the parameters themselves")
def zero_gradients_under_fromage():
    """Gradients are zeroed before fromage, which shrinks every leaf by 1/sqrt(1 + lr²)."""
    return OptaxFreeze(gradients_zeroed, optimizers=Optimizers("fromage"))


@specimen(law="frozen-value", seen="optax.noisy_sgd adds noise to the gradient it is given")
def zero_gradients_under_noise():
    """Gradients are zeroed before noisy_sgd, which then adds its noise to them."""
    return OptaxFreeze(gradients_zeroed, optimizers=Optimizers("noisy_sgd"))


@specimen(law="frozen-under-other-optimizers", seen="a freeze that was tried with SGD only")
def zero_gradients_for_sgd_only():
    """Zeroed gradients hold under SGD, and under no optimizer that moves a leaf by itself."""
    return OptaxFreeze(gradients_zeroed, optimizers=Optimizers("sgd"))


@specimen(law="frozen-under-coupled-overflow", seen="a loss that overflows under clipping")
def nan_through_the_global_norm():
    """A NaN in a trainable gradient makes the global norm NaN, and 0 · NaN the frozen update."""
    return OptaxFreeze(
        gradients_zeroed, optimizers=Optimizers("sgd"), promise=("value", "isolated")
    )


@specimen(law="frozen-special-weights", seen="optax.apply_updates adds every update, be it zero")
def zeros_added_outside_jit():
    """`set_to_zero` outside jit: −0.0 + 0.0 is +0.0, and a subnormal plus zero is flushed."""
    return OptaxFreeze(partitioned, promise=("selected", "bits"))


@specimen(law="frozen-value", kind="optax", seen="optax#159")
def masked_alone(optimizer, mask):
    """`masked` passes what it does not transform: raw gradients are added to frozen leaves."""
    return optax.masked(optimizer, trained(mask))


@specimen(law="frozen-value", kind="optax", seen="`identity` taken for “leave it as it is”")
def identity_for_the_frozen_label(optimizer, mask):
    """`identity` hands the raw gradient on, and it is added to the frozen leaf."""
    transforms = {"frozen": optax.identity(), "trained": optimizer}
    return optax.multi_transform(transforms, labelled(mask))


@specimen(law="frozen-gradients-do-not-leak", seen="clipping in front of a partition")
def clipping_outside_the_partition():
    """The global norm is taken of all gradients, so frozen ones scale the trainable updates."""

    def wrap(optimizer, mask):
        return optax.chain(optax.clip_by_global_norm(1.0), partitioned(optimizer, mask))

    return OptaxFreeze(wrap, promise=("selected", "value", "isolated"))


@specimen(law="frozen-optimizer-state", seen="`optax.freeze` at the end of a chain")
def state_for_frozen_leaves():
    """The optimizer sees the frozen gradients, and its moments follow them."""

    def wrap(optimizer, mask):
        return optax.chain(optimizer, optax.freeze(mask))

    return OptaxFreeze(wrap, promise=("selected", "value", "inert"))


def scaled(mask, frozen):
    """Scale the updates of frozen leaves by a number."""

    def scale(updates, params):
        del params
        return jax.tree.map(lambda u, m: u * frozen if m else u, updates, mask)

    return optax.stateless(scale)


@specimen(law="frozen-under-overflow", kind="optax", seen="masks of 0 and 1 in PyTorch ports")
def updates_times_mask(optimizer, mask):
    """Updates are multiplied by 0, and 0 · inf is NaN."""
    return optax.chain(optimizer, scaled(mask, 0.0))


@specimen(law="frozen-any-learning-rate", kind="optax", seen="a tiny rate taken for a freeze")
def tiny_rate_for_frozen_leaves(optimizer, mask):
    """Frozen leaves get 1e-20 of their update: nothing at ordinary rates, and much at huge ones."""
    return optax.chain(optimizer, scaled(mask, 1e-20))


@specimen(law="frozen-value", kind="optax", seen="“True = transform” in optax.masked")
def mask_inverted(optimizer, mask):
    """The mask is taken for that of the trainable leaves."""
    return partitioned(optimizer, trained(mask))


@specimen(law="frozen-norm", kind="optax", seen="a freeze behind a flag that is off")
def nothing_frozen(optimizer, mask):
    """The mask is not used."""
    return optimizer


@specimen(law="trainable-moves", kind="optax", seen="optax.set_to_zero without a mask")
def everything_frozen(optimizer, mask):
    """All updates are set to zero, whatever the mask says."""
    return optax.chain(optimizer, optax.set_to_zero())


@specimen(law="zero-gradient-is-identity", kind="optax", seen="decay on top of a recipe's own")
def decay_added_by_the_wrapper(optimizer, mask):
    """The wrapper adds a weight decay to the trainable leaves."""
    decay = optax.add_decayed_weights(1e-2, mask=trained(mask))
    return partitioned(optax.chain(decay, optimizer), mask)


@specimen(
    law="zero-rate-is-identity",
    kind="optax",
    seen="decoupled decay without a rate",
    needs=Needs("a second step tells a decay from a projection", steps=2),
)
def decay_after_the_rate(optimizer, mask):
    """Decay is added after the learning rate, and shrinks trainable leaves at rate zero."""

    def shrink(updates, params):
        return jax.tree.map(lambda u, p: u - jnp.asarray(1e-2, p.dtype) * p, updates, params)

    return partitioned(optax.chain(optimizer, optax.stateless(shrink)), mask)
