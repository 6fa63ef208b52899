#!/usr/bin/env bash
# Optax 0.2.8: a layer whose gradient became zero goes on at the full learning rate for over 300 steps under
# `muon` and `lamb`, and for all of 8000 under `lion`.
#
# Expected: what moves a layer after a freeze by its gradient is the momentum, which fades by a tenth a step
# in Adam and Lamb, by a twentieth in Muon and by a hundredth in Lion. So do the updates: after 100 steps
# they are lost in rounding, or about a third of what they were.
#
# What happens: the three use the direction of the momentum and not its size. `scale_by_lion` takes the
# sign, `orthogonalize_via_newton_schulz` of Muon divides by the norm before it makes all singular values
# about 1, and `scale_by_trust_ratio` of Lamb scales the update to the norm of the weights. A momentum of
# 1e-6 moves the layer as far as one of 1, in the direction of the last gradients. It ends where the
# momentum is as small as `eps` (Muon, 1e-8), where the square of its norm is 0 in float32 (Lamb), or where
# it is 0 itself (Lion): from 1 down to 1e-38 are some 8700 steps at 0.99.
#
# For a freeze: a layer that is frozen by its gradient in the middle of a training leaves its place as
# fast as it was trained. Zero the updates instead, by `optax.freeze` behind the optimizer, or leave
# the layer out by `optax.multi_transform`, which forgets its momentum.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

RATE = 0.0001


def steps_at_full_rate(optimizer, steps=8000):
    """How many updates after the freeze are over 0.8 of the last one in training, from the first on."""
    params = jnp.linspace(1.0, 2.0, 64).reshape(8, 8) + jnp.eye(8)

    def step(carry, trains):
        params, state = carry
        grads = jnp.where(trains, params + 3 * jnp.eye(8), 0)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), jnp.linalg.norm(updates)

    trains = jnp.arange(50 + steps) < 50
    _, sizes = jax.lax.scan(step, (params, optimizer.init(params)), trains)
    slow = sizes[50:] < 0.8 * sizes[49]
    return int(jnp.where(slow.any(), slow.argmax(), steps))


print("adam, fewer than 5 steps:", steps_at_full_rate(optax.adam(RATE)) < 5)
print("sgd with momentum, fewer than 5 steps:", steps_at_full_rate(optax.sgd(RATE, momentum=0.9)) < 5)
print("muon, more than 300 steps:", steps_at_full_rate(optax.contrib.muon(RATE)) > 300)
print("lamb, more than 300 steps:", steps_at_full_rate(optax.lamb(RATE)) > 300)
print("lion, 8000 steps of 8000:", steps_at_full_rate(optax.lion(RATE)) == 8000)
PYTHON
)

expected=$(cat <<'TEXT'
adam, fewer than 5 steps: True
sgd with momentum, fewer than 5 steps: True
muon, more than 300 steps: True
lamb, more than 300 steps: True
lion, 8000 steps of 8000: True
TEXT
)

. "$(dirname "$0")/judge.bash"
