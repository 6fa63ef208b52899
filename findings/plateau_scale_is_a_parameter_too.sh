#!/usr/bin/env bash
# Optax 0.2.8 and Flax 0.12.8: `tree.set(state, scale=1.0)` resets the moments of every normalisation.
#
# Expected: the state of `reduce_on_plateau` has a field `scale`, which is commonly read by
# `optax.tree.get(state, "scale")`. `optax.tree.set`, its counterpart, starts the plateau anew with 1.0
# when layers are thawed.
#
# What happens: both look at every key of the state, and the moments of an optimizer are trees with the
# keys of the parameters. Flax calls the weight of its normalising layers `scale`. `get` finds three
# values and raises. `set` replaces all three: a number stands for the first and second moment of each
# such weight, it is broadcast, and the next step moves them all one way, whatever the gradient.
#
# For a freeze: as long as the normalisation is frozen by `multi_transform` it has no moments, and both
# calls work. The same lines, run after the thaw, raise or harm, and the one that harms is silent. Give
# both a filter that asks the end of the path for its `tuple_name`, `ReduceLROnPlateauState`.

packages=(optax==0.2.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Model(nn.Module):
    @nn.compact
    def __call__(self, inputs):
        return nn.Dense(2, name="head")(nn.LayerNorm(name="norm")(inputs))


params = Model().init(jax.random.key(0), jnp.ones((8, 3)))["params"]


def optimizer(trained):
    labels = {name: "train" if name in trained else "freeze" for name in params}
    return optax.chain(
        optax.multi_transform({"train": optax.adam(0.1), "freeze": optax.set_to_zero()}, labels),
        optax.contrib.reduce_on_plateau(),
    )


def report(*trained):
    print("trained:", ", ".join(trained))
    state = optimizer(trained).init(params)
    try:
        print("  get: the scale is", optax.tree.get(state, "scale"))
    except KeyError as error:
        print("  get: KeyError,", error.args[0].split(" in ")[0])
    state = optax.tree.set(state, scale=jnp.asarray(1.0))
    gradients = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer(trained).update(gradients, state, params, value=1.0)
    moved = [
        jax.tree_util.keystr(path)
        for path, update in jax.tree_util.tree_leaves_with_path(updates)
        if jnp.any(update != 0)
    ]
    print("  set: gradients of zero then move", ", ".join(moved) or "nothing")


report("head")
report("head", "norm")
PYTHON
)

expected=$(cat <<'TEXT'
trained: head
  get: the scale is 1.0
  set: gradients of zero then move nothing
trained: head, norm
  get: KeyError, Found multiple values for 'scale'
  set: gradients of zero then move ['norm']['scale']
TEXT
)

. "$(dirname "$0")/judge.bash"
