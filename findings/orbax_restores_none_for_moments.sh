#!/usr/bin/env bash
# Orbax 0.12.8 and Optax 0.2.8: thaw a layer, restore the optimizer, and its moments are None.
#
# Expected: `StandardCheckpointer.restore(folder, template)` answers a tree like its template, or raises
# where the checkpoint has no such leaf.
#
# What happens: of a layer that was frozen, `multi_transform` keeps a `MaskedNode`, which is a node
# without leaves. Orbax saves that as an empty entry. Restored into the state for a larger trainable
# set, the empty entry wins over the array of the template: the answer holds None there, with no
# message. The structure differs from the template's, and the next update raises a TypeError about
# NoneType that names neither the layer nor the checkpoint.
#
# For a freeze: gradual unfreezing across a restart is where this happens. Compare the structures
# after a restore, or restore under the old frozen set and build the new state by hand.

packages=(orbax-checkpoint==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import tempfile

import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp

params = {"block": jnp.ones(2), "head": jnp.ones(2)}


def optimizer(*trained):
    labels = {name: "train" if name in trained else "freeze" for name in params}
    return optax.multi_transform(
        {"train": optax.sgd(0.1, momentum=0.9), "freeze": optax.set_to_zero()}, labels
    )


def momentum(state):
    trace = state.inner_states["train"].inner_state[0].trace
    return {name: type(value).__name__ for name, value in trace.items()}


saved = optimizer("head").init(params)
template = optimizer("head", "block").init(params)

with ocp.StandardCheckpointer() as checkpointer:
    folder = tempfile.mkdtemp() + "/state"
    checkpointer.save(folder, saved)
    checkpointer.wait_until_finished()
    restored = checkpointer.restore(folder, template)

print("asked for:", momentum(template))
print("restored: ", momentum(restored))
print("same structure:", jax.tree.structure(restored) == jax.tree.structure(template))
try:
    optimizer("head", "block").update(params, restored, params)
except TypeError as error:
    print("the next update: TypeError,", error)
PYTHON
)

expected=$(cat <<'TEXT'
asked for: {'block': 'ArrayImpl', 'head': 'ArrayImpl'}
restored:  {'block': 'NoneType', 'head': 'ArrayImpl'}
same structure: False
the next update: TypeError, unsupported operand type(s) for *: 'float' and 'NoneType'
TEXT
)

. "$(dirname "$0")/judge.bash"
