#!/usr/bin/env bash
# Optax 0.2.8: in `partition` beside `dpsgd`, each step makes of a frozen leaf one copy for each example of
# the batch. All copies are equal to the leaf, so that the comparison is True, and a table gives other rows.
#
# Expected: `partition({"trained": dpsgd(…), "frozen": set_to_zero()}, labels)` freezes as with any other
# optimizer. `dpsgd` takes a gradient for each example and returns one update, of the parameter's shape.
#
# What happens: `differentially_private_aggregate` (contrib/_privacy.py) sums over the examples, and frozen
# leaves do not go through it. `set_to_zero` returns zeros like what it was given: one for each example.
# `apply_updates` (_src/update.py) adds them without a look at the shape, and a weight plus a batch of
# zeros is a batch of weights. Where a model multiplies `x @ weight`, broadcasting makes the same
# predictions and the same loss, with 8, 64, 512 times the memory. A table that is read by `table[tokens]`
# is read along the new axis: from the second step on, a token finds the whole table in place of its row,
# and the prediction is the same for all texts. `(table == table_before).all()` broadcasts, too.
# Layers of Flax and Haiku look at shapes and raise in the second step, far from the cause.
#
# For a freeze: compare shapes along with values, as `chex.assert_trees_all_equal` does. Differentiate with
# respect to what trains, alone; that is what one wants of the clipping, too. In `chain(dpsgd(…),
# freeze(mask))` the shapes are right, and each example is clipped by the gradient of all leaves.

packages=(optax==0.2.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

keys = jax.random.split(jax.random.key(0), 4)
dpsgd = optax.contrib.dpsgd(0.1, l2_norm_clip=0.1, noise_multiplier=0.0, seed=0)
labels = {"body": "frozen", "head": "trained"}
optimizers = {
    "partition": optax.partition({"trained": dpsgd, "frozen": optax.set_to_zero()}, labels),
    "chain(dpsgd, freeze)": optax.chain(dpsgd, optax.freeze({"body": True, "head": False})),
    "head alone": dpsgd,
}


def dense(params, x):
    return jnp.tanh(x @ params["body"]) @ params["head"]


def table(params, tokens):
    return params["body"][tokens].mean(axis=0) @ params["head"]


def train(predict, begin, x, y, name):
    kept = {"body": begin["body"]} if name == "head alone" else {}
    tx = optimizers[name]
    params = {key: leaf for key, leaf in begin.items() if key not in kept}
    state = tx.init(params)

    def loss(params, x, y):
        return jnp.mean((predict({**kept, **params}, x) - y) ** 2)

    for _ in range(3):
        grads = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        yield {**kept, **params}


x = jax.random.normal(keys[0], (8, 4))
tokens = jax.random.randint(keys[1], (8, 5), 0, 20)
y = jnp.sin(x.sum(axis=1))
head = jnp.ones(3)
for predict, inputs, body in (
    (dense, x, jax.random.normal(keys[2], (4, 3))),
    (table, tokens, jax.random.normal(keys[3], (20, 3))),
):
    begin = {"body": body, "head": head}
    alone = list(train(predict, begin, inputs, y, "head alone"))
    for name in ("partition", "chain(dpsgd, freeze)"):
        print(f"{predict.__name__}, {name}")
        for params, right in zip(train(predict, begin, inputs, y, name), alone, strict=True):
            seen = jax.vmap(predict, (None, 0))(params, inputs)
            differ = bool(jnp.abs(seen - seen[0]).max() > 1e-3)
            print(
                f"  body {params['body'].shape}, as before: {(params['body'] == body).all()},",
                f"head as alone: {jnp.abs(params['head'] - right['head']).max() < 1e-5},",
                f"predictions differ: {differ}",
            )


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1, name="head")(nn.relu(nn.Dense(3, name="body")(x)))[..., 0]


def linen(params, x):
    return Linen().apply({"params": params}, x)


print("Linen")
steps = train(linen, Linen().init(keys[0], x)["params"], x, y, "partition")
print("  body", next(steps)["body"]["kernel"].shape)
try:
    next(steps)
except Exception as error:
    print(f"  second step: {type(error).__name__}")
PYTHON
)

expected=$(cat <<'TEXT'
dense, partition
  body (8, 4, 3), as before: True, head as alone: True, predictions differ: True
  body (8, 8, 4, 3), as before: True, head as alone: True, predictions differ: True
  body (8, 8, 8, 4, 3), as before: True, head as alone: True, predictions differ: True
dense, chain(dpsgd, freeze)
  body (4, 3), as before: True, head as alone: False, predictions differ: True
  body (4, 3), as before: True, head as alone: False, predictions differ: True
  body (4, 3), as before: True, head as alone: False, predictions differ: True
table, partition
  body (8, 20, 3), as before: True, head as alone: True, predictions differ: False
  body (8, 8, 20, 3), as before: True, head as alone: False, predictions differ: False
  body (8, 8, 8, 20, 3), as before: True, head as alone: False, predictions differ: False
table, chain(dpsgd, freeze)
  body (20, 3), as before: True, head as alone: False, predictions differ: True
  body (20, 3), as before: True, head as alone: False, predictions differ: True
  body (20, 3), as before: True, head as alone: False, predictions differ: True
Linen
  body (8, 4, 3)
  second step: ScopeParamShapeError
TEXT
)

. "$(dirname "$0")/judge.bash"
