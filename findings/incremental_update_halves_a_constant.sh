#!/usr/bin/env bash
# Optax 0.2.8: in bfloat16, `incremental_update` at 0.002 takes the average of a weight that never changes
# down to as little as half of it. At 0.001, 0.004 and 0.005 it stays; at 0.01 it loses a seventh.
#
# Expected: the average of a constant is this constant. Small types round, so the average of a weight that
# trains slowly may stand still; one that is equal to its weight has no reason to leave it.
#
# What happens: `step_size * new + (1 - step_size) * old` has two factors, and each is rounded to the type
# of the weights. In bfloat16 0.998 becomes 0.996, and 0.002 stays 0.002: together less than 1. The average
# shrinks until the rounding of the sum holds it. 0.999 becomes 1, and 0.996 stays. In float16 averages grow
# by up to 2 percent. It is the same under `jit`, and in `optax.ema`.
#
# For a freeze: a teacher or a target network parts from its student in the layers where neither trains.
# Average only what trains, or in float32; or write `old + step_size * (new - old)`, which leaves equal
# weights equal.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax


def difference(new, old, step_size):
    return jax.tree.map(lambda new, old: old + step_size * (new - old), new, old)


def told(update, step_size, dtype):
    frozen = {"kernel": (1 + jnp.arange(128) / 128).astype(dtype)}
    average = frozen
    for _ in range(500):
        average = update(frozen, average, step_size)
    ratios = average["kernel"].astype("float32") / frozen["kernel"].astype("float32")
    away = jnp.abs(ratios - 1)
    return f"{jnp.sum(away > 0.01)} of 128 are off by a percent, up to {ratios[away.argmax()]:.2f} times"


for dtype in ("float32", "float16", "bfloat16"):
    for step_size in (0.001, 0.002, 0.004, 0.005, 0.01):
        print(f"{dtype}, {step_size}: {told(optax.incremental_update, step_size, dtype)}")
print(f"bfloat16, 0.002, by the difference: {told(difference, 0.002, 'bfloat16')}")
PYTHON
)

expected=$(cat <<'TEXT'
float32, 0.001: 0 of 128 are off by a percent, up to 1.00 times
float32, 0.002: 0 of 128 are off by a percent, up to 1.00 times
float32, 0.004: 0 of 128 are off by a percent, up to 1.00 times
float32, 0.005: 0 of 128 are off by a percent, up to 1.00 times
float32, 0.01: 0 of 128 are off by a percent, up to 1.00 times
float16, 0.001: 3 of 128 are off by a percent, up to 1.02 times
float16, 0.002: 5 of 128 are off by a percent, up to 1.02 times
float16, 0.004: 11 of 128 are off by a percent, up to 1.02 times
float16, 0.005: 13 of 128 are off by a percent, up to 1.02 times
float16, 0.01: 27 of 128 are off by a percent, up to 1.02 times
bfloat16, 0.001: 0 of 128 are off by a percent, up to 1.00 times
bfloat16, 0.002: 120 of 128 are off by a percent, up to 0.51 times
bfloat16, 0.004: 0 of 128 are off by a percent, up to 1.00 times
bfloat16, 0.005: 0 of 128 are off by a percent, up to 1.00 times
bfloat16, 0.01: 52 of 128 are off by a percent, up to 0.86 times
bfloat16, 0.002, by the difference: 0 of 128 are off by a percent, up to 1.00 times
TEXT
)

. "$(dirname "$0")/judge.bash"
