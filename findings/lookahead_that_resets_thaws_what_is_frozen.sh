#!/usr/bin/env bash
# Optax 0.2.8: `lookahead(reset_state=True)` takes back, at every synchronisation, a learning rate that was set
# to 0 to freeze a layer, and no schedule gets beyond the sync period: a layer due to thaw never does.
#
# Expected: `reset_state` resets the optimizer's state after a synchronisation, as the paper proposes for
# momentum: the moments begin anew at the new weights. How far the training has come, and what was set by
# hand for the rest of it, stays.
#
# What happens: `lookahead` (_src/lookahead.py) calls `init` of the fast optimizer for every synchronisation
# and takes the whole of what it answers. With the moments go the counts: a schedule begins anew every
# `sync_period` steps and is never asked about a later one, so that a warm-up stays at its foot and a thaw in
# step 20 never comes. With them go the values of `inject_hyperparams`: `tree.set(state, learning_rate=0.0)`
# holds until the next synchronisation, and then the layer trains on at its first rate. `MultiSteps` inside
# begins its round anew: with a period below its number of batches it never makes a step at all. The
# default, `reset_state=False`, does none of this.
#
# For a freeze: `set_to_zero` by a label holds, since it is no part of the state. A freeze or a thaw that is kept
# in the state, as a rate or as a count, needs the default, or an optimizer that is made anew at the change.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

begin = {"body": jnp.zeros(2), "head": jnp.zeros(2)}
labels = {"body": "body", "head": "head"}


def body(tx):
    return optax.partition({"body": tx, "head": optax.sgd(0.1)}, labels)


def fast_weights(tx, reset, frozen_from=None):
    """The body at the start and after each of 60 steps, by gradients of 1; its rate may be set to 0 at a step."""
    tx = optax.lookahead(tx, sync_period=6, slow_step_size=0.5, reset_state=reset)
    params = optax.LookaheadParams.init_synced(begin)
    state = tx.init(params)
    update = jax.jit(tx.update)
    seen = [0.0]
    for step in range(60):
        if step == frozen_from:
            state = optax.tree.set(state, learning_rate=jnp.zeros(()))
        updates, state = update(jax.tree.map(jnp.ones_like, begin), state, params)
        params = optax.apply_updates(params, updates)
        seen.append(float(params.fast["body"][0]))
    return seen


def falling(seen, since=0):
    """How often the body went down: a synchronisation, which goes back half of the way, goes up."""
    return sum(after < before for before, after in zip(seen[since:], seen[since + 1:]))


injected = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)
thawing = optax.sgd(optax.join_schedules([lambda _: 0.0, lambda _: 0.1], [20]))
warm_up = optax.sgd(optax.linear_schedule(0.0, 0.1, 40))
four = optax.MultiSteps(optax.sgd(0.1), 4).gradient_transformation()
eight = optax.MultiSteps(optax.sgd(0.1), 8).gradient_transformation()
for what, tx, frozen_from in (
    ("sgd", optax.sgd(0.1), None),
    ("set_to_zero", optax.set_to_zero(), None),
    ("rate set to 0 in step 21", injected, 21),
    ("thaws in step 20", thawing, None),
    ("warm-up of 40 steps", warm_up, None),
    ("MultiSteps of 4", four, None),
    ("MultiSteps of 8", eight, None),
):
    print(what)
    for reset in (False, True):
        seen = fast_weights(body(tx), reset, frozen_from)
        print(f"  reset_state={reset!s:6} steps down: {falling(seen):2}, of the last 30: {falling(seen, 30):2}, "
              f"ends at {seen[-1]:.4f}")
PYTHON
)

expected=$(cat <<'TEXT'
sgd
  reset_state=False  steps down: 50, of the last 30: 25, ends at -3.0000
  reset_state=True   steps down: 50, of the last 30: 25, ends at -3.0000
set_to_zero
  reset_state=False  steps down:  0, of the last 30:  0, ends at 0.0000
  reset_state=True   steps down:  0, of the last 30:  0, ends at 0.0000
rate set to 0 in step 21
  reset_state=False  steps down: 18, of the last 30:  0, ends at -1.0500
  reset_state=True   steps down: 48, of the last 30: 25, ends at -2.8500
thaws in step 20
  reset_state=False  steps down: 33, of the last 30: 25, ends at -2.0000
  reset_state=True   steps down:  0, of the last 30:  0, ends at 0.0000
warm-up of 40 steps
  reset_state=False  steps down: 49, of the last 30: 25, ends at -1.9750
  reset_state=True   steps down: 40, of the last 30: 20, ends at -0.1875
MultiSteps of 4
  reset_state=False  steps down: 10, of the last 30:  5, ends at -0.7500
  reset_state=True   steps down: 10, of the last 30:  5, ends at -0.5000
MultiSteps of 8
  reset_state=False  steps down:  7, of the last 30:  4, ends at -0.3500
  reset_state=True   steps down:  0, of the last 30:  0, ends at 0.0000
TEXT
)

. "$(dirname "$0")/judge.bash"
