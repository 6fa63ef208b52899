#!/usr/bin/env bash
# Optax 0.2.8: under `inject_hyperparams` a mask that is a function is called with the step count.
#
# Expected: `optax.masked`, and so `optax.freeze`, takes a tree of booleans or a function that makes one
# of the parameters, and goes on doing so when the chain is built by `inject_hyperparams`.
#
# What happens: `inject_hyperparams` takes every callable argument for a schedule. At each step it
# calls the mask with the step count, and hands its answer on as the mask. A mask by path, mapped
# over a count, is a tree of one leaf whose path is empty: False. A single boolean is a valid prefix
# of every tree, so nothing raises, and no leaf is frozen. The weight decay mask of adamw fails the
# same way and in the other direction: a rule by the number of axes answers False for a count, so
# that nothing decays.
#
# For a freeze: the frozen leaves train, with no message. Name the mask in `static_args`.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

shown = []


def backbone(tree):
    shown.append(jax.tree.map(jnp.shape, tree))
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "backbone" in jax.tree_util.keystr(path), tree
    )


def factory(learning_rate, mask):
    return optax.chain(optax.sgd(learning_rate), optax.freeze(mask))


def report(name, optimizer):
    params = {"backbone": jnp.ones((2, 2)), "head": jnp.ones(2)}
    shown.clear()
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    moved = [leaf for leaf, update in updates.items() if jnp.any(update != 0)]
    print(f"{name}: the mask sees {shown[-1]}; these leaves move: {', '.join(moved)}")


inject = optax.inject_hyperparams
report("plain", factory(0.1, backbone))
report("inject_hyperparams", inject(factory)(learning_rate=0.1, mask=backbone))
report("static_args", inject(factory, static_args="mask")(learning_rate=0.1, mask=backbone))
PYTHON
)

expected=$(cat <<'TEXT'
plain: the mask sees {'backbone': (2, 2), 'head': (2,)}; these leaves move: head
inject_hyperparams: the mask sees (); these leaves move: backbone, head
static_args: the mask sees {'backbone': (2, 2), 'head': (2,)}; these leaves move: head
TEXT
)

. "$(dirname "$0")/judge.bash"
