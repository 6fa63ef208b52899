"""Optax: what its documentation offers for freezing, each around an optimizer that is handed over.

https://optax.readthedocs.io/en/latest/api/transformations.html (freeze, selective_transform,
masked) and https://optax.readthedocs.io/en/latest/api/combining_optimizers.html (multi_transform).
"""

import jax
import optax

from frostproof import OptaxFreeze


def _trained(mask):
    return jax.tree.map(lambda frozen: not frozen, mask)


def _labels(mask):
    return jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)


freeze_behind = OptaxFreeze(lambda optimizer, mask: optax.chain(optimizer, optax.freeze(mask)))

freeze_before = OptaxFreeze(lambda optimizer, mask: optax.chain(optax.freeze(mask), optimizer))

selective_transform = OptaxFreeze(
    lambda optimizer, mask: optax.selective_transform(optimizer, freeze_mask=mask)
)

multi_transform = OptaxFreeze(
    lambda optimizer, mask: optax.multi_transform(
        {"trained": optimizer, "frozen": optax.set_to_zero()}, _labels(mask)
    )
)

masked = OptaxFreeze(lambda optimizer, mask: optax.masked(optimizer, _trained(mask)))

masked_and_set_to_zero = OptaxFreeze(
    lambda optimizer, mask: optax.chain(
        optax.masked(optimizer, _trained(mask)), optax.masked(optax.set_to_zero(), mask)
    )
)
