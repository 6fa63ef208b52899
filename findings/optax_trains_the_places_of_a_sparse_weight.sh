#!/usr/bin/env bash
# JAX 0.10.2 and Optax 0.2.8: `jax.experimental.sparse.grad` of a BCOO weight is a BCOO whose indices are the indices
# of the weight, and Optax takes them for a gradient: the places of the numbers train, and the loss falls all the same.
#
# Expected: the pattern of a sparse weight is what stays, as that of a pruned network. `sparse.grad` differentiates
# with respect to the numbers, and returns a gradient of the same pattern.
#
# What happens: it does, and so its indices are those of the pattern, int32. A BCOO is a pytree of two leaves, numbers
# and indices, so that Optax makes an update of both: `sgd(0.1)` takes a tenth of each index off, and
# `optax.apply_updates` rounds the rest down to an int32. In every step the numbers come nearer to the first row and
# column, until all lie on one place, where they are added up. Nothing raises. The loss goes down, since what is left
# of the weight goes on to train. Plain `jax.grad` refuses int32 inputs, and with `allow_int=True` gives float0.
#
# For a freeze: indices are integers, so a mask by path ("the layer trains") catches them, too. Freeze by dtype, with
# `optax.set_to_zero` for all that is not floating: the pattern stays.

packages=(jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import sparse

dense = np.zeros((4, 3), np.float32)
dense[0, 1], dense[2, 2], dense[3, 0] = 1.0, -2.0, 0.5
weight = sparse.BCOO.fromdense(dense)
x = jax.random.normal(jax.random.key(0), (5, 4))
y = jax.random.normal(jax.random.key(1), (5, 3))


def loss(weight):
    return jnp.mean((x @ weight - y) ** 2)


gradient = sparse.grad(loss)(weight)
print("the gradient's indices are the weight's:", bool((gradient.indices == weight.indices).all()))


def by_dtype(params):
    return jax.tree.map(lambda leaf: "numbers" if jnp.issubdtype(leaf.dtype, jnp.floating) else "places", params)


sgd = optax.sgd(0.1)
for name, tx in (
    ("sgd", sgd),
    ("sgd on floats", optax.partition({"numbers": sgd, "places": optax.set_to_zero()}, by_dtype)),
):
    params, state, before = weight, tx.init(weight), loss(weight)
    print(f"{name}: {params.indices.tolist()}")
    for step in range(3):
        updates, state = tx.update(sparse.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
        print(f"  after step {step + 1}: {params.indices.tolist()}")
    print("  the loss is lower:", bool(loss(params) < before))
PYTHON
)

expected=$(cat <<'TEXT'
the gradient's indices are the weight's: True
sgd: [[0, 1], [2, 2], [3, 0]]
  after step 1: [[0, 0], [1, 1], [2, 0]]
  after step 2: [[0, 0], [0, 0], [1, 0]]
  after step 3: [[0, 0], [0, 0], [0, 0]]
  the loss is lower: True
sgd on floats: [[0, 1], [2, 2], [3, 0]]
  after step 1: [[0, 1], [2, 2], [3, 0]]
  after step 2: [[0, 1], [2, 2], [3, 0]]
  after step 3: [[0, 1], [2, 2], [3, 0]]
  the loss is lower: True
TEXT
)

. "$(dirname "$0")/judge.bash"
