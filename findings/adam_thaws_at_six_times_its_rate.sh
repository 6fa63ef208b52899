#!/usr/bin/env bash
# Optax 0.2.8: after a freeze by its gradient a layer moves by more than six learning rates a step under
# Adam, and by more than two for some 280 steps.
#
# Expected: both moments of a leaf whose gradient was zero are zero, as they are at the start. So it either
# starts at the thaw as a new one does, by one learning rate a step, or more carefully.
#
# What happens: the moments are those of the start, the count is not. At the start both moments are
# divided by what they lack; after 10000 steps nothing is lacking any more. The first moment then
# fills within some ten steps, the second one within a thousand, and the step is their quotient: 3.2
# learning rates at once, 6.6 in the twelfth step, for a gradient that does not change. It is a warm-up
# turned round. NAdam starts at 6.0. With b2=0.95 the two fill at nearly the same pace, and the thaw is
# the gentle one that one expects. Lion and SGD count nothing.
#
# For a freeze: gradients that are zeroed, masked or stopped until a step arrive in this state; the
# learning rate that suits the rest is then sixfold where pretrained weights are touched for the first
# time. With `multi_transform` and a new state for the thawed leaves the count starts, too.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax


def steps_after(frozen_steps, optimizer):
    """How far each of 1000 steps goes after a freeze, in learning rates."""
    params = jnp.zeros(())
    update = jax.jit(optimizer.update)
    state, taken = optimizer.init(params), []
    for step in range(frozen_steps + 1000):
        step_taken, state = update(jnp.float32(step >= frozen_steps), state, params)
        taken.append(-float(step_taken))
    return taken[frozen_steps:]


def report(name, frozen_steps, optimizer):
    taken = steps_after(frozen_steps, optimizer)
    above = sum(step > 2 for step in taken)
    print(f"{name} after {frozen_steps}: first {taken[0]:.1f}, largest {max(taken):.1f}, "
          f"over 2 for more than 250 steps: {above > 250}")


report("adam", 0, optax.adam(1.0))
report("adam", 10000, optax.adam(1.0))
report("adam, b2=0.95", 10000, optax.adam(1.0, b2=0.95))
report("nadam", 10000, optax.nadam(1.0))
report("lion", 10000, optax.lion(1.0, weight_decay=0.0))
PYTHON
)

expected=$(cat <<'TEXT'
adam after 0: first 1.0, largest 1.0, over 2 for more than 250 steps: False
adam after 10000: first 3.2, largest 6.6, over 2 for more than 250 steps: True
adam, b2=0.95 after 10000: first 0.4, largest 1.1, over 2 for more than 250 steps: False
nadam after 10000: first 6.0, largest 6.9, over 2 for more than 250 steps: True
lion after 10000: first 1.0, largest 1.0, over 2 for more than 250 steps: False
TEXT
)

. "$(dirname "$0")/judge.bash"
