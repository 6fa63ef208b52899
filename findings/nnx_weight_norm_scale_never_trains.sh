#!/usr/bin/env bash
# Flax 0.12.8: the scale of NNX's WeightNorm is no variable: it stays 1 however long one trains.
#
# Expected: `use_scale=True`, the default, gives each column of the kernel a length that is learned,
# the g of the paper that the documentation names, and an optimizer with `wrt=nnx.Param` trains it.
#
# What happens: `scales` is a dict of plain arrays. `nnx.state` shows them, so that they are saved and
# counted; no filter by type finds them, `nnx.grad` takes no gradient of them, and no optimizer gets
# them. The kernel is normalised to columns of length 1 at every call, and nothing can give a layer
# back what it lost: here it has to reach 5, and the columns stay at length 1. Since 0.12.11 the
# scales are `nnx.Param`s; under 0.12.12 the same program ends with columns of length 7.83.
#
# For a freeze: "all but the backbone trains" is untrue of the head's scale, in silence, and turns true
# by an upgrade: then a filter that is to leave the backbone out has to leave its scales out, too, whose
# path ends in a tuple, `('scales', ('kernel',))`. Look at what trains by
# `nnx.to_flat_state(nnx.state(model, wrt))`.

packages=(flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 optax==0.2.8)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

x = jnp.linspace(-1.0, 1.0, 8).reshape(2, 4)
y = jnp.full((2, 3), 5.0)
model = nnx.WeightNorm(nnx.Linear(4, 3, use_bias=False, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(1))
optimizer = nnx.Optimizer(model, optax.adam(0.1), wrt=nnx.Param)


@nnx.jit
def step(model, optimizer):
    loss, gradients = nnx.value_and_grad(lambda model: jnp.mean((model(x) - y) ** 2))(model)
    optimizer.update(model, gradients)
    return loss


for _ in range(200):
    step(model, optimizer)
model(x)
for path, leaf in nnx.to_flat_state(nnx.state(model)):
    print(f"{path}: {'a Param' if isinstance(leaf, nnx.Param) else 'an array'}")
(scale,) = model.scales.values()
print("scale after 200 steps:", np.asarray(scale).tolist())
lengths = np.linalg.norm(np.asarray(model.layer_instance.kernel[...]), axis=0)
print("lengths of the columns:", lengths.round(3).tolist())
PYTHON
)

expected=$(cat <<'TEXT'
('layer_instance', 'kernel'): a Param
('scales', ('kernel',)): an array
scale after 200 steps: [1.0, 1.0, 1.0]
lengths of the columns: [1.0, 1.0, 1.0]
TEXT
)

. "$(dirname "$0")/judge.bash"
