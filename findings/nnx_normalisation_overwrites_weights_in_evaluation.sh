#!/usr/bin/env bash
# Flax 0.12.8: NNX's WeightNorm and SpectralNorm overwrite the layer's weights in every forward pass.
#
# Expected: as their namesakes of Linen do, the wrapper keeps the weights that it was given, computes
# with normalised ones, and changes nothing in evaluation but the answer. `model.eval()` and
# `update_stats=False` sound like that.
#
# What happens: both put the normalised weights into the `nnx.Param` of the layer inside
# (`_weightnorm_inplace` and `_spectral_normalize_inplace` in nnx/nn/normalization.py), in evaluation
# as in training, and under `nnx.grad` as well. The lengths that the weights had are gone after the
# first call. 0.12.12 does the same.
#
# For a freeze: a kernel that no optimizer has ever seen moves by a mere evaluation, and a checkpoint
# that is loaded, evaluated and saved holds other weights than the one that was loaded. A filter in
# `nnx.Optimizer(wrt=…)` has no say in it. Put the layer that is inside in the place of the wrapper,
# with weights that are normalised once; or split the module and evaluate a copy.

packages=(flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import nnx

x = jnp.linspace(-1.0, 1.0, 8).reshape(2, 4)


class Linen(nn.Module):
    norm: type

    @nn.compact
    def __call__(self, x):
        evaluates = {"update_stats": False} if self.norm is nn.SpectralNorm else {}
        return self.norm(nn.Dense(3))(x, **evaluates)


for norm in (nnx.WeightNorm, nnx.SpectralNorm):
    model = norm(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(1))
    model.eval()
    before = np.asarray(model.layer_instance.kernel[...])
    model(x)
    after = np.asarray(model.layer_instance.kernel[...])
    print(f"nnx.{norm.__name__}: {np.sum(before != after)} of 12 weights moved in an evaluation")

for norm in (nn.WeightNorm, nn.SpectralNorm):
    variables = Linen(norm).init(jax.random.key(0), x)
    _, after = Linen(norm).apply(variables, x, mutable=True)
    pairs = zip(jax.tree.leaves(variables["params"]), jax.tree.leaves(after["params"]), strict=True)
    moved = sum(int(np.sum(np.asarray(a) != np.asarray(b))) for a, b in pairs)
    print(f"linen.{norm.__name__}: {moved} weights moved in an evaluation")
PYTHON
)

expected=$(cat <<'TEXT'
nnx.WeightNorm: 12 of 12 weights moved in an evaluation
nnx.SpectralNorm: 12 of 12 weights moved in an evaluation
linen.WeightNorm: 0 weights moved in an evaluation
linen.SpectralNorm: 0 weights moved in an evaluation
TEXT
)

. "$(dirname "$0")/judge.bash"
