#!/usr/bin/env bash
# Optax 0.2.8: `schedule_free_sgd` moves a leaf whose gradient is zero from the first step on.
#
# Expected: plain sgd, no momentum, no decay, a gradient of exact zeros in each step: the leaf stays.
#
# What happens: the schedule-free method keeps a second point z per leaf and returns, in each step, an
# average of two points that should be equal. The weights of the average are rounded, so that nearly
# every element moves in its last bits, and the next average starts from there. In float32 the drift is
# some ulps after 100 steps. In bfloat16 the weights themselves are coarse, and it exceeds 0.1 on
# weights of order one. The parameters for evaluation drift likewise.
#
# For a freeze: zeroing the gradient is no freeze under this optimizer, at any learning rate. Keep the
# frozen leaves out of it, by `optax.multi_transform` with `set_to_zero`.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax


def drift(dtype, steps):
    frozen = jax.random.normal(jax.random.key(0), (1000,)).astype(dtype)
    params = {"frozen": frozen, "trained": frozen}
    optimizer = optax.contrib.schedule_free_sgd(0.1)
    state = optimizer.init(params)
    for _ in range(steps):
        grads = {"frozen": jnp.zeros_like(frozen), "trained": params["trained"]}
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    shown = optax.contrib.schedule_free_eval_params(state, params)
    return params["frozen"] - frozen, shown["frozen"] - frozen


for dtype in (jnp.float32, jnp.bfloat16):
    training, evaluation = drift(dtype, steps=100)
    most = float(jnp.max(jnp.abs(evaluation.astype(jnp.float32))))
    print(f"{dtype.__name__}: over 800 of 1000 elements moved: {int(jnp.sum(training != 0)) > 800}, "
          f"the furthest by more than 0.1: {most > 0.1}, by more than 1e-7: {most > 1e-7}")
PYTHON
)

expected=$(cat <<'TEXT'
float32: over 800 of 1000 elements moved: True, the furthest by more than 0.1: False, by more than 1e-7: True
bfloat16: over 800 of 1000 elements moved: True, the furthest by more than 0.1: True, by more than 1e-7: True
TEXT
)

. "$(dirname "$0")/judge.bash"
