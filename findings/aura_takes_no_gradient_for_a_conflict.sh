#!/usr/bin/env bash
# aura-optax 0.1.0: a leaf that had no gradient for 700 steps trains at a thousandth of the rate after it.
#
# Expected: AURA has a factor for each parameter. It grows while successive directions agree and shrinks
# while they oppose each other. Where there is no direction there is neither, so the factor stays at 1.
#
# What happens: the measure of agreement is a quotient, which is 0 for a direction of zero, and the factor
# shrinks by a hundredth wherever the measure is at most 0.4. So each step without a gradient counts
# as one of opposition. After 688 of them the factor is at its floor of 0.001. After that it grows by a
# hundredth a step at most, and only while the directions agree: the way back takes as long as the freeze.
#
# For a freeze: a layer whose gradient is zeroed until it is thawed, and a row of an embedding that is
# seldom seen, hardly train afterwards, while Adam alone would take its largest steps there. Leave frozen
# leaves out by `optax.multi_transform`, and begin with a new state at the thaw.

packages=(aura-optax==0.1.0 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from aura_optax import adam_aura, scale_by_aura


def factors(frozen_steps):
    params = jnp.zeros(())
    optimizer = adam_aura(1e-3, weight_decay=0.0)
    state = optimizer.init(params)
    update = jax.jit(optimizer.update)
    seen = {}
    for step in range(frozen_steps + 301):
        seen[step - frozen_steps] = float(state[1].multiplier)
        _, state = update(jnp.float32(step >= frozen_steps), state, params)
    return seen[0], seen[100], seen[300]


for frozen_steps in (0, 100, 700):
    thaw, later, latest = factors(frozen_steps)
    print(f"{frozen_steps} steps without a gradient: the factor is {thaw:.3f} at the thaw, "
          f"{later:.3f} after 100 steps, {latest:.3f} after 300")

direction = scale_by_aura()
state = direction.init(jnp.zeros(2))
for sign in (1, -1) * 350:
    _, state = direction.update(jnp.array([0.0, sign]), state)
print("700 steps of nothing, and of opposition:", *(f"{factor:.3f}" for factor in state.multiplier))
PYTHON
)

expected=$(cat <<'TEXT'
0 steps without a gradient: the factor is 1.000 at the thaw, 2.599 after 100 steps, 19.014 after 300
100 steps without a gradient: the factor is 0.366 at the thaw, 0.705 after 100 steps, 5.159 after 300
700 steps without a gradient: the factor is 0.001 at the thaw, 0.002 after 100 steps, 0.016 after 300
700 steps of nothing, and of opposition: 0.001 0.001
TEXT
)

. "$(dirname "$0")/judge.bash"
