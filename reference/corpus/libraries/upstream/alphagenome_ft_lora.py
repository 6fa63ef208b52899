"""To alphagenome-ft: step 3 of the recipe in `alphagenome_ft.lora` freezes nothing.

`freeze_except_lora` maps `stop_gradient` over values, outside of any gradient, where it is the
identity. The docstring of `freeze_parameters` says so; the recipe, and the docstring of
`LoRALinear`, do not. An optimizer by the labels of `get_lora_parameter_paths` is meant.

Fails with alphagenome-ft 0.1.12 (jax 0.10.2). The package's `__init__` is passed over, since it
imports research code that is not on PyPI.
"""

import sys
import types
from importlib.metadata import files

sys.modules["alphagenome_ft"] = package = types.ModuleType("alphagenome_ft")
(lora,) = (file for file in files("alphagenome-ft") if file.name == "lora.py")
package.__path__ = [str(lora.locate().parent)]

import jax
import jax.numpy as jnp
from alphagenome_ft.parameter_utils import freeze_except_lora

params = {"transformer_tower/linear": {"w": jnp.ones(2), "lora_a": jnp.ones(2)}}
frozen = freeze_except_lora(params)
grads = jax.grad(lambda params: sum(leaf.sum() for leaf in jax.tree.leaves(params)))(frozen)
seen = grads["transformer_tower/linear"]

print("expected: a gradient of 0.0 for w, 1.0 for lora_a")
print(f"seen: {seen['w'][0]} for w, {seen['lora_a'][0]} for lora_a")
assert not seen["w"].any(), "the frozen weight has its full gradient"
