#!/usr/bin/env bash
# Optax 0.2.8: of a LoRA whose second factor begins with zeros, `adafactor` and `fromage` hardly train the
# second factor and let the first one grow instead; `adaptive_grad_clip` hardly lets either train.
#
# Expected: the first factor is random, so the second one has a gradient from the first step on and moves
# at once; the first one, whose gradient comes through the second, stays near its start. So it is under
# Adam: after 300 steps both have moved by 1, and the loss is gone.
#
# What happens: these optimizers make steps in proportion to the norm of the leaf. For a leaf of zeros
# that is the least norm they allow: 1e-3 (`adafactor`, the clip) or 1e-6 (`fromage`). What grows is the
# random factor, which any gradient but zero moves by a whole step: from a norm of 2 by some 30 under
# `adafactor(1e-2)`, and 38 % of the loss is left; under `fromage` nothing is learned. The clip keeps both
# where they are. `lamb` (as `lars`) takes a norm of zero for none at all and makes whole steps.
#
# For a freeze: all but the adapter is frozen, so nothing makes up for it, and whoever looks whether the
# adapter's parameters move sees that they do. Give `multiply_by_parameter_scale=False`, and leave the
# other two to weights that do not begin with zeros.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

keys = jax.random.split(jax.random.key(0), 4)
frozen, first, second = (
    jax.random.normal(key, shape) / 4 for key, shape in zip(keys, ((16, 16), (16, 4), (4, 16)))
)
x = jax.random.normal(keys[3], (64, 16))
target = x @ (frozen + first @ second)


def loss(adapter):
    return jnp.mean((x @ frozen + x @ adapter["first"] @ adapter["second"] - target) ** 2)


def report(name, optimizer):
    begin = {"first": first, "second": jnp.zeros((4, 16))}

    @jax.jit
    def step(adapter, state):
        updates, state = optimizer.update(jax.grad(loss)(adapter), state, adapter)
        return optax.apply_updates(adapter, updates), state

    adapter, state = begin, optimizer.init(begin)
    for _ in range(300):
        adapter, state = step(adapter, state)
    moved = {leaf: float(jnp.linalg.norm(adapter[leaf] - begin[leaf])) for leaf in begin}
    print(f"{name}: the loss falls to {float(loss(adapter) / loss(begin)):.0%}, "
          f"first moved by {moved['first']:.1g}, second by {moved['second']:.1g}")


report("adam", optax.adam(1e-2))
report("adafactor", optax.adafactor(1e-2))
report("adafactor, not scaled", optax.adafactor(1e-2, multiply_by_parameter_scale=False))
report("fromage", optax.fromage(1e-2))
report("sgd", optax.sgd(1e-1))
report("sgd behind the clip", optax.chain(optax.adaptive_grad_clip(0.01), optax.sgd(1e-1)))
report("lamb", optax.lamb(1e-2))
PYTHON
)

expected=$(cat <<'TEXT'
adam: the loss falls to 0%, first moved by 1, second by 1
adafactor: the loss falls to 38%, first moved by 3e+01, second by 0.05
adafactor, not scaled: the loss falls to 0%, first moved by 1, second by 1
fromage: the loss falls to 100%, first moved by 4, second by 7e-06
sgd: the loss falls to 0%, first moved by 0.5, second by 1
sgd behind the clip: the loss falls to 100%, first moved by 0.002, second by 0.001
lamb: the loss falls to 0%, first moved by 1e+01, second by 0.3
TEXT
)

. "$(dirname "$0")/judge.bash"
