#!/usr/bin/env bash
# Brainstate 0.5.4: `from_nnx` unties layers, and makes parameters of variables that do not train.
#
# Expected: its interop converts a model of Flax NNX into one of brainstate with the same outputs, or
# raises where it cannot. A layer that stands twice in an `nnx.Sequential` is one object, with one
# kernel; a kernel in a `Variable` that is not an `nnx.Param` is not trained. Both should be so afterwards.
#
# What happens: the outputs are the same to begin with. But the converter goes from child to child
# without a memory of what it has converted, so that each use of the shared layer gets its own weights;
# and it reads arrays, not the types of the variables, and puts all of them into `ParamState`. Converted
# back by `to_nnx`, the model has four parameters in the place of two. Nothing raises.
#
# For a freeze: the shared layer is frozen by its name in brainstate, and its second use trains. What
# was frozen by the type of its variable trains, too. Compare the number of parameters on both sides,
# and freeze each use.

packages=(brainstate==0.5.4 brainunit==0.5.2 brainevent==0.2.1 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainstate import ParamState
from brainstate.interop import from_nnx, to_nnx
from flax import nnx


class Frozen(nnx.Variable):
    """What does not train."""


rngs = nnx.Rngs(0)
shared, fixed, head = (nnx.Linear(3, n, use_bias=False, rngs=rngs) for n in (3, 3, 1))
fixed.kernel = Frozen(fixed.kernel[...])
model = nnx.Sequential(shared, shared, fixed, head)


def names(model):
    found = nnx.to_flat_state(nnx.state(model, nnx.Param))
    return " ".join("/".join(map(str, path[:-1])) for path, _ in found)


converted = from_nnx(model)
x, y = np.random.default_rng(0).standard_normal((5, 3), "f"), np.ones((5, 1), "f")
print("same outputs:", bool(jnp.allclose(model(x), converted(x), atol=1e-6)))
print("parameters in NNX:", names(model))

states = converted.states(ParamState)
print("in brainstate:", " ".join("/".join(map(str, path[:-1])) for path in states))

# The shared layer is frozen by its name, and all else takes a step.
trained = {path: state for path, state in states.items() if path[:2] != ("layers", 0)}
grads = brainstate.transform.grad(lambda: jnp.mean((converted(x) - y) ** 2), trained)()
for path, state in trained.items():
    state.value = jax.tree.map(lambda weight, grad: weight - 0.1 * grad, state.value, grads[path])

for number, layer in enumerate(model.layers[:3]):
    kept = jnp.array_equal(layer.kernel[...], converted.layers[number].weight.value["weight"])
    print(f"layer {number} kept: {bool(kept)}")
print("parameters, back in NNX:", names(to_nnx(converted)))
PYTHON
)

expected=$(cat <<'TEXT'
same outputs: True
parameters in NNX: layers/0 layers/3
in brainstate: layers/0 layers/1 layers/2 layers/3
layer 0 kept: True
layer 1 kept: False
layer 2 kept: False
parameters, back in NNX: layers/0 layers/1 layers/2 layers/3
TEXT
)

. "$(dirname "$0")/judge.bash"
