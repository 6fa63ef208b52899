"""Correct Optax wrappers, each freezing in another way."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from frostproof import OptaxFreeze, Optimizers
from frostproof.reference.corpus.register import accepted

EXACT = ("selected", "value", "inert", "isolated")


def _labels(mask):
    return jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)


def _trained(mask):
    return jax.tree.map(lambda frozen: not frozen, mask)


def _partition(optimizer, mask):
    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.partition(transforms, _labels(mask))


partition = accepted(OptaxFreeze(_partition, promise=EXACT))


def _callable_labels(optimizer, mask):
    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.multi_transform(transforms, lambda params: _labels(mask))


callable_labels = accepted(OptaxFreeze(_callable_labels, promise=EXACT))

selective_transform = accepted(
    OptaxFreeze(
        lambda optimizer, mask: optax.selective_transform(optimizer, freeze_mask=mask),
        promise=EXACT,
    )
)


@accepted
def freeze_at_the_end(optimizer, mask):
    """Everything is computed, and the frozen updates are set to zero at last."""
    return optax.chain(optimizer, optax.freeze(mask))


@accepted
def freeze_at_both_ends(optimizer, mask):
    """Gradients are zeroed before the optimizer, and updates after it."""
    return optax.chain(optax.freeze(mask), optimizer, optax.freeze(mask))


@accepted
def two_masks(optimizer, mask):
    """The optimizer is masked, and what it passes on is set to zero."""
    return optax.chain(
        optax.masked(optimizer, _trained(mask)), optax.masked(optax.set_to_zero(), mask)
    )


freeze_before_sgd = accepted(
    OptaxFreeze(
        lambda optimizer, mask: optax.chain(optax.freeze(mask), optimizer),
        optimizers=Optimizers("sgd", "momentum", "nesterov", "rmsprop", "adagrad"),
    )
)


def _compiled(optimizer, mask):
    inner = _partition(optimizer, mask)
    return optax.GradientTransformationExtraArgs(inner.init, jax.jit(inner.update))


compiled_update = accepted(OptaxFreeze(_compiled, promise=EXACT))


@accepted
def trainable_leaves_in_a_list(optimizer, mask):
    """The optimizer gets a list of the trainable leaves, and knows nothing of the others."""
    frozen = jax.tree.leaves(mask)

    def chosen(tree):
        return [leaf for leaf, out in zip(jax.tree.leaves(tree), frozen, strict=True) if not out]

    def update(updates, state, params=None):
        moved, inner = optimizer.update(chosen(updates), state, chosen(params))
        moved = iter(moved)
        leaves, form = jax.tree.flatten(updates)
        new = [
            jnp.zeros_like(leaf) if out else next(moved)
            for leaf, out in zip(leaves, frozen, strict=True)
        ]
        return jax.tree.unflatten(form, new), inner

    return optax.GradientTransformation(lambda params: optimizer.init(chosen(params)), update)


class _Averaged(NamedTuple):
    average: Any
    inner: Any


def _with_average(optimizer, mask):
    inner = _partition(optimizer, mask)

    def update(updates, state, params=None):
        average = jax.tree.map(lambda a, p: p + 0.9 * (a - p), state.average, params)
        updates, own = inner.update(updates, state.inner, params)
        return updates, _Averaged(average, own)

    return optax.GradientTransformation(
        lambda params: _Averaged(params, inner.init(params)), update
    )


average_of_the_parameters = accepted(OptaxFreeze(_with_average, promise=EXACT))
