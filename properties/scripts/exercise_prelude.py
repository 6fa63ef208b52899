"""What the scripts of watched exercises are made of: they observe the updates of a call."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

# A list of (before, after) for each call, by path.
updates: list[Any] = []


def names(path: Any) -> tuple[str, ...]:
    """Return the names in the path of a leaf."""
    if path and getattr(path[-1], "name", None) == "value":  # of a variable of NNX
        path = path[:-1]
    return tuple(str(getattr(p, "key", getattr(p, "name", getattr(p, "idx", p)))) for p in path)


def leaves(tree: Any) -> dict[Any, Any]:
    """Return copies of the floating leaves of a tree or module."""
    tree = nnx.state(tree) if isinstance(tree, nnx.Module) else tree
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    floats = [(path, leaf) for path, leaf in flat if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return {names(path): np.array(leaf) for path, leaf in floats}


def watch() -> None:
    """Record every update that Optax or NNX makes from now on, an inner one once."""
    plain_apply, plain_update = optax.apply_updates, nnx.Optimizer.update
    nested: list[Any] = []
    api: Any = nnx.Optimizer

    def apply_updates(params: Any, changes: Any) -> Any:
        after = plain_apply(params, changes)
        if not nested:
            updates[-1].append((leaves(params), leaves(after)))
        return after

    def update(optimizer: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        before = leaves(nnx.clone(model))
        nested.append(model)
        try:
            result = plain_update(optimizer, model, *args, **kwargs)
        finally:
            nested.pop()
        updates[-1].append((before, leaves(model)))
        return result

    optax.apply_updates, api.update = apply_updates, update


def same(update: Any, path: Any) -> bool:
    """Tell whether a leaf kept its values in an update, if it was there at all."""
    return path not in update[1] or np.array_equal(update[0][path], update[1][path], equal_nan=True)


def move(updates: Any, path: Any) -> Any:
    """Return how far a leaf moved in all updates of a call."""
    pairs = [(b[path].astype(float), a[path].astype(float)) for b, a in updates if path in a]
    return sum(after - before for before, after in pairs)
