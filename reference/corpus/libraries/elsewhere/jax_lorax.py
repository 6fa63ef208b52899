"""jax-lorax: a weight with a low-rank adapter, and one that is frozen as a whole.

https://github.com/davisyoshida/lorax (`simple_spec`, `init_lora`, `wrap_optimizer`).
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import lorax
import numpy as np
import optax

SPEC = {"adapted": 2, "frozen": lorax.LORA_FREEZE}
OPTIMIZERS = {
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, momentum=0.9),
    "adam": optax.adam(0.1),
    "adamw": optax.adamw(0.1),
}


def wrapped(optimizer, params):
    """Freeze as the library does it."""
    del params
    return lorax.wrap_optimizer(optimizer, SPEC)


def labelled(optimizer, params):
    """Freeze by the names of the leaves, with Optax alone."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    labels = [
        "train" if name_of(path) in ("adapted/a", "adapted/b") else "freeze" for path, _ in leaves
    ]
    return optax.multi_transform(
        {"train": optimizer, "freeze": optax.set_to_zero()},
        jax.tree_util.tree_unflatten(tree, labels),
    )


RECIPES = {"wrap_optimizer": wrapped, "by_label": labelled}


def name_of(path):
    """Return a path as text: `adapted/w`."""
    return "/".join(str(getattr(key, "key", getattr(key, "name", key))) for key in path)


def leaves_of(params):
    """Return all leaves by path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return {name_of(path): np.asarray(leaf) for path, leaf in leaves}


def loss(params, x):
    """Return a loss that every leaf takes part in."""
    return jnp.sum(jnp.tanh(x @ params["adapted"]) @ params["frozen"])


def trained(optimizer, params):
    """Take two steps: in the first one factor is zero, so that the other has no gradient."""
    state = optimizer.init(params)
    for _ in range(2):
        grads = jax.grad(lorax.lora(loss))(params, jnp.ones((2, 4)))
        updates, state = optimizer.update(grads, state, params=params)
        params = optax.apply_updates(params, updates)
    return params


def main(recipe, folder):
    """Leave the parameters before and after two steps, for each optimizer."""
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    weights = {
        "adapted": jax.random.normal(keys[0], (4, 3)),
        "frozen": jax.random.normal(keys[1], (3, 2)),
    }
    params = lorax.init_lora(weights, SPEC, keys[2])
    for name, optimizer in OPTIMIZERS.items():
        after = trained(RECIPES[recipe](optimizer, params), params)
        np.savez(Path(folder) / f"{name}.before.npz", **leaves_of(params))
        np.savez(Path(folder) / f"{name}.after.npz", **leaves_of(after))


if __name__ == "__main__":
    main(*sys.argv[1:])
