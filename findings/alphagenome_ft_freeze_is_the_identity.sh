#!/usr/bin/env bash
# alphagenome-ft 0.1.12: `freeze_except_lora(params)` freezes nothing, as step 3 of its LoRA recipe.
#
# Expected: the module `lora` says how LoRA is used: write the layers, freeze the backbone with
# `parameter_utils.freeze_except_lora`, train `lora_a` and `lora_b`.
#
# What happens: `freeze_except_lora` maps `jax.lax.stop_gradient` over arrays, outside of any function
# that is differentiated. There it is the identity: the answer holds the same values and no mark, and
# the gradient of the backbone is as it was. The package knows this: the docstring of
# `freeze_parameters` warns of it, and names another function, which trains a head and freezes LoRA
# matrices in the backbone, too. The recipe of the LoRA module was left as it is.
#
# For a freeze: `stop_gradient` belongs inside the loss. A function from parameters to parameters
# cannot freeze: it has nothing to say to the optimizer.

packages=(alphagenome-ft==0.1.12 alphagenome==0.10.0 dm-haiku==0.0.17 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import importlib.util
import sys
import types

# The package imports the research code of AlphaGenome, which is not on PyPI. These modules of it do
# not need that: they are imported without running the package's `__init__`.
package = types.ModuleType("alphagenome_ft")
package.__path__ = importlib.util.find_spec("alphagenome_ft").submodule_search_locations
sys.modules["alphagenome_ft"] = package

import haiku as hk
import jax
import jax.numpy as jnp
from alphagenome_ft.lora import LoRAConfig, LoRALinear
from alphagenome_ft.parameter_utils import freeze_except_lora, get_parameter_paths


def forward(x):
    with hk.name_scope("transformer_tower"):
        hidden = LoRALinear(4, LoRAConfig(rank=2))(x)
    with hk.name_scope("head"):
        return hk.Linear(1)(hidden)


model = hk.without_apply_rng(hk.transform(forward))
x = jnp.ones((2, 3))
params = model.init(jax.random.key(0), x)
frozen = freeze_except_lora(params)
grads = jax.grad(lambda params: jnp.sum(model.apply(params, x)))(frozen)

for path, before, after, grad in zip(
    get_parameter_paths(params), *map(jax.tree.leaves, (params, frozen, grads)), strict=True
):
    if path.endswith("lo_ra_linear/w"):
        print(f"{path}: the same values: {bool(jnp.array_equal(before, after))}, "
              f"the gradient is zero: {not jnp.any(grad)}")
PYTHON
)

expected=$(cat <<'TEXT'
transformer_tower/lo_ra_linear/w: the same values: True, the gradient is zero: False
TEXT
)

. "$(dirname "$0")/judge.bash"
