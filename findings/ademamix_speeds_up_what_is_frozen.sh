#!/usr/bin/env bash
# Optax 0.2.8: a layer whose gradient becomes zero moves faster from step to step under `ademamix`, for
# thousands of steps, and under `simplified_ademamix` until it is a million away.
#
# Expected: after a freeze by its gradient a layer goes on by its momentum for a while and slows down. Under
# Adam it comes to rest within ten learning rates, and other optimizers differ by a factor.
#
# What happens: an update is a quotient of a momentum and the root of a second moment, and both fade where
# no gradient comes. In Adam the momentum fades by 0.9 a step, the root by 0.9995. Here it is the other
# way round: the slow momentum of `ademamix` fades by 0.9999 (`b3`) and the root by 0.9995, so the
# quotient grows by 1.0004 a step. `simplified_ademamix` has 0.99 (`b1`) over the root of 0.95 (`b2`), and
# grows by 1.0157 a step, some ten thousandfold in all, until the root is as small as `eps`. Both are
# the defaults (`contrib/_ademamix.py`).
#
# For a freeze: `stop_gradient`, or gradients set to zero, in the middle of a training destroys the layer
# that it should keep. Zero the updates, by `optax.freeze` behind the optimizer; for a thaw after that, begin
# with a new state, since the momentum has gone its own way. Of any optimizer, compare b1 and b2 ** 0.5:
# Adam with b2 = 0.8 does the same.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

RATE = 0.001


def after_the_freeze(optimizer, steps):
    """The sizes of the updates, in learning rates, after 50 steps of training."""
    params = jnp.linspace(-1.0, 1.0, 64)

    def step(carry, trains):
        params, state = carry
        grads = jnp.where(trains, 2 * (params - 3), 0)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), jnp.mean(jnp.abs(updates)) / RATE

    trains = jnp.arange(50 + steps) < 50
    _, sizes = jax.lax.scan(step, (params, optimizer.init(params)), trains)
    return sizes[50:]


adam = after_the_freeze(optax.adam(RATE), 5000)
print(f"adam: all further steps together: {float(adam.sum()):.0f} learning rates")

slow = after_the_freeze(optax.contrib.ademamix(RATE), 10_000)
grows = bool(jnp.all(slow[1000:] > slow[999:-1]))
print(f"ademamix: each step after the first 1000 is longer than the one before: {grows}")
print(f"ademamix: step 10000 is over 30 times as long as step 1000: {bool(slow[-1] > 30 * slow[999])}")

fast = after_the_freeze(optax.contrib.simplified_ademamix(RATE), 5000)
print(f"simplified_ademamix: the longest step is one of the 700th to 900th: {bool(700 < fast.argmax() < 900)}")
print(f"simplified_ademamix: it is over 10000 times as long as the first: {bool(fast.max() > 10_000 * fast[0])}")
print(f"simplified_ademamix: all further steps together are over 1e8 learning rates: {bool(fast.sum() > 1e8)}")
PYTHON
)

expected=$(cat <<'TEXT'
adam: all further steps together: 10 learning rates
ademamix: each step after the first 1000 is longer than the one before: True
ademamix: step 10000 is over 30 times as long as step 1000: True
simplified_ademamix: the longest step is one of the 700th to 900th: True
simplified_ademamix: it is over 10000 times as long as the first: True
simplified_ademamix: all further steps together are over 1e8 learning rates: True
TEXT
)

. "$(dirname "$0")/judge.bash"
