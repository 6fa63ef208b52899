#!/usr/bin/env bash
# Optax 0.2.8: `lamb` and `lars` shrink a layer without a gradient by their learning rate, and a weight
# decay of 1e-15 does it as fast as one of 1.
#
# Expected: a decay of 1e-6 takes 1e-6 times the learning rate of each weight in a step, as in AdamW,
# and is lost in rounding. So whoever wants next to none gives a small number.
#
# What happens: both scale the update of each leaf to the norm of its weights, and the decay is part of
# the update. Where there is no gradient it is all of it, and how large it was is divided out again:
# the leaf loses the learning rate (for `lars` a thousandth of it, tenfold by its momentum) of itself.
# Under `lamb` at 1e-2 a third is left after 100 steps. Only 0.0 is none, or a decay whose square is
# zero in float32. A gradient that is small beside the decay gives way to it: that of 1e-6 below would
# make the weights grow, and they shrink.
#
# For a freeze: one that zeroes gradients in front of these optimizers wipes the layer out, and a
# smaller decay is no remedy. Zero the updates behind the optimizer, or give it the trainable leaves
# alone, or a `mask` (`weight_decay_mask`) that names the frozen ones.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax


def left(optimizer, gradient):
    """What is left of a weight of 1 after 100 steps, in the first of two layers."""
    params = {"layer": jnp.ones(4), "head": jnp.ones(4)}
    gradients = {"layer": jnp.full(4, gradient), "head": jnp.full(4, 0.1)}
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    for _ in range(100):
        updates, state = update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    return f"{float(params['layer'][0]):.4f}"


for decay in (0.0, 1e-15, 1e-4, 1.0):
    of = {"adamw": optax.adamw, "lamb": optax.lamb, "lars": optax.lars}
    print(decay, *(f"{name} {left(make(1e-2, weight_decay=decay), 0.0)}" for name, make in of.items()))
pulled = optax.lars(1e-2, weight_decay=1.0)
print("a gradient that would make it grow:", left(pulled, -1e-6))
masked = optax.lamb(1e-2, weight_decay=1e-4, mask={"layer": False, "head": True})
print("masked:", left(masked, 0.0))
PYTHON
)

expected=$(cat <<'TEXT'
0.0 adamw 1.0000 lamb 1.0000 lars 1.0000
1e-15 adamw 1.0000 lamb 0.3660 lars 0.9909
0.0001 adamw 0.9999 lamb 0.3660 lars 0.9909
1.0 adamw 0.3660 lamb 0.3660 lars 0.9909
a gradient that would make it grow: 0.9909
masked: 1.0000
TEXT
)

. "$(dirname "$0")/judge.bash"
