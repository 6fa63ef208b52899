"""What wrappers among the specimens are made of: correct ones, and the trees they take."""

import jax
import optax


def trained(mask):
    """Return the mask the other way round, as `optax.masked` wants it."""
    return jax.tree.map(lambda frozen: not frozen, mask)


def labelled(mask):
    """Return the label of each leaf, for `optax.multi_transform`."""
    return jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)


def partitioned(optimizer, mask):
    """Freeze as most texts advise: `set_to_zero` for the frozen label."""
    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.multi_transform(transforms, labelled(mask))


def gradients_zeroed(optimizer, mask):
    """Freeze by zeroing the gradients, before the optimizer sees them."""
    return optax.chain(optax.freeze(mask), optimizer)


def rate_halved(optimizer, mask):
    """Freeze, and halve what the others move."""
    return optax.chain(partitioned(optimizer, mask), optax.scale(0.5))
