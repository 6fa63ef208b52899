#!/usr/bin/env bash
# Optax 0.2.8: `selective_transform` takes a mask that is a function for True, and freezes everything.
#
# Expected: the two neighbours `freeze(mask)` and `selective_transform(…, freeze_mask=mask)` are
# documented with the same kinds of mask, and refer to each other. `freeze` is built on `masked`, and so
# takes a function of the parameters, too; the other one either does the same or raises.
#
# What happens: `selective_transform` maps over the mask itself. A function is a tree of one leaf and
# counts as true, and one label "freeze" is a valid prefix for all parameters. Nothing trains.
#
# For a freeze: the loss stays where it is, which looks like a learning rate that is too small. Call
# the function yourself: `freeze_mask=mask(params)`.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

params = {"backbone": jnp.ones(2), "head": jnp.ones(2)}


def backbone(tree):
    return {name: name == "backbone" for name in tree}


def moved(optimizer):
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    names = [name for name, update in updates.items() if jnp.any(update != 0)]
    return ", ".join(names) or "nothing"


sgd = optax.sgd(0.1)
for name, mask in {"a tree": backbone(params), "a function": backbone}.items():
    print(f"{name}: chain(sgd, freeze) moves {moved(optax.chain(sgd, optax.freeze(mask)))}; "
          f"selective_transform moves {moved(optax.selective_transform(sgd, freeze_mask=mask))}")
PYTHON
)

expected=$(cat <<'TEXT'
a tree: chain(sgd, freeze) moves head; selective_transform moves head
a function: chain(sgd, freeze) moves head; selective_transform moves nothing
TEXT
)

. "$(dirname "$0")/judge.bash"
