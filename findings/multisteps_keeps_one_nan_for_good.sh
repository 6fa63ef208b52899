#!/usr/bin/env bash
# Optax 0.2.8: one batch with a NaN freezes a layer for good where `zero_nans` or `apply_if_finite` is inside
# `MultiSteps`; with the latter the layer becomes NaN in the end. Around `MultiSteps`, both do their work.
#
# Expected: `apply_if_finite(optimizer, 5)` refuses a gradient that is not finite, at most five in a row, and
# goes on with the next. `MultiSteps` starts each round with an accumulator set back to zero, as its
# docstring says. Together, one bad batch costs one round.
#
# What happens: `MultiSteps` (transforms/_accumulation.py) sets the accumulator back by `(1 - emit) * acc`,
# and 0 times NaN or infinity is NaN: what came in once stays in every later mean, in the elements where it
# was. `apply_if_finite`, inside, never sees a finite mean again. It refuses its whole group of leaves, round
# after round and in silence, and once there are more errors than it allows it gives up: the parameters are
# NaN. `zero_nans` makes zeros of these elements for ever, so that they never move again.
#
# For a freeze: where each group of a `partition` has wrappers of its own, one group stands still as if it
# were labelled frozen, while the loss falls by the others. A NaN of a frozen leaf, with all wrappers around
# the freeze, stops every group for as many rounds as errors are allowed. Put `apply_if_finite` or
# `zero_nans` around `MultiSteps`, or give it `should_skip_update_fn=skip_not_finite`.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

params = {"body": jnp.zeros(2), "head": jnp.zeros(2), "frozen": jnp.zeros(2)}


def several(tx, **how):
    return optax.MultiSteps(tx, 2, **how).gradient_transformation()


def finite(tx, errors=5):
    return optax.apply_if_finite(tx, max_consecutive_errors=errors)


def zero_nans(tx):
    return optax.chain(optax.zero_nans(), tx)


def groups(body, head):
    labels = {"body": "body", "head": "head", "frozen": "frozen"}
    return optax.partition({"body": body, "head": head, "frozen": optax.set_to_zero()}, labels)


def both(wrap):
    return groups(wrap(optax.sgd(0.1)), wrap(optax.sgd(0.1)))


def train(tx, bad, value):
    """Twenty rounds of two batches, the first one with `value` in the leaf `bad`: the steps of each element."""

    @jax.jit
    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    now, state = params, tx.init(params)
    steps = {name: [] for name in params}
    for batch in range(40):
        grads = jax.tree.map(jnp.ones_like, params)
        if batch == 0:
            grads[bad] = grads[bad].at[0].set(value)
        before, (now, state) = now, step(now, state, grads)
        for name in params:
            steps[name].append(now[name] != before[name])
    moved = {name: [int(count) for count in sum(each)] for name, each in steps.items()}
    return {name: "NaN" if jnp.isnan(now[name]).any() else moved[name] for name in params}


def show(what, tx, bad="head", value=jnp.nan):
    ends = train(tx, bad, value)
    print(f"{what:52}" + "; ".join(f"{name} {end}" for name, end in ends.items()))


print("a NaN in the first element of the head, steps of each element in 20 rounds:")
show("apply_if_finite(MultiSteps(sgd))", both(lambda tx: finite(several(tx))))
show("MultiSteps(apply_if_finite(sgd))", both(lambda tx: several(finite(tx))))
show("MultiSteps(apply_if_finite(sgd)), 100 errors", both(lambda tx: several(finite(tx, 100))))
show("MultiSteps(apply_if_finite(sgd)), infinity",
     both(lambda tx: several(finite(tx, 100))), value=jnp.inf)
show("zero_nans, MultiSteps(sgd)", both(lambda tx: zero_nans(several(tx))))
show("MultiSteps(zero_nans, sgd)", both(lambda tx: several(zero_nans(tx))))
show("MultiSteps(sgd, skip_not_finite)",
     both(lambda tx: several(tx, should_skip_update_fn=optax.skip_not_finite)))
print("the NaN in the frozen leaf:")
show("MultiSteps(apply_if_finite(partition))", several(finite(both(lambda tx: tx))), bad="frozen")
show("MultiSteps(apply_if_finite(partition)), 100 errors",
     several(finite(both(lambda tx: tx), 100)), bad="frozen")
show("apply_if_finite(MultiSteps(partition))", finite(several(both(lambda tx: tx))), bad="frozen")
show("MultiSteps(partition)", several(both(lambda tx: tx)), bad="frozen")
show("partition(MultiSteps(apply_if_finite))", both(lambda tx: several(finite(tx))), bad="frozen")
PYTHON
)

expected=$(cat <<'TEXT'
a NaN in the first element of the head, steps of each element in 20 rounds:
apply_if_finite(MultiSteps(sgd))                    body [20, 20]; head [19, 19]; frozen [0, 0]
MultiSteps(apply_if_finite(sgd))                    body [20, 20]; head NaN; frozen [0, 0]
MultiSteps(apply_if_finite(sgd)), 100 errors        body [20, 20]; head [0, 0]; frozen [0, 0]
MultiSteps(apply_if_finite(sgd)), infinity          body [20, 20]; head [0, 0]; frozen [0, 0]
zero_nans, MultiSteps(sgd)                          body [20, 20]; head [20, 20]; frozen [0, 0]
MultiSteps(zero_nans, sgd)                          body [20, 20]; head [0, 20]; frozen [0, 0]
MultiSteps(sgd, skip_not_finite)                    body [20, 20]; head [19, 19]; frozen [0, 0]
the NaN in the frozen leaf:
MultiSteps(apply_if_finite(partition))              body [15, 15]; head [15, 15]; frozen [0, 0]
MultiSteps(apply_if_finite(partition)), 100 errors  body [0, 0]; head [0, 0]; frozen [0, 0]
apply_if_finite(MultiSteps(partition))              body [19, 19]; head [19, 19]; frozen [0, 0]
MultiSteps(partition)                               body [20, 20]; head [20, 20]; frozen [0, 0]
partition(MultiSteps(apply_if_finite))              body [20, 20]; head [20, 20]; frozen [0, 0]
TEXT
)

. "$(dirname "$0")/judge.bash"
