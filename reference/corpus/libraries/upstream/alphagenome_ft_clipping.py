"""To alphagenome-ft: `create_optimizer(heads_only=True)` clips by the norm of frozen gradients.

`clip_by_global_norm` is put before the `multi_transform`, so that a large gradient of the frozen
backbone scales down that of the head, and a NaN in it stops the head. Inside the partition, in
front of adamw, it would see the head alone.

Fails with alphagenome-ft 0.1.12 (optax 0.2.8). The package's `__init__` is passed over, since it
imports research code that is not on PyPI.
"""

import sys
import types
from importlib.metadata import files

sys.modules["alphagenome_ft"] = package = types.ModuleType("alphagenome_ft")
(lora,) = (file for file in files("alphagenome-ft") if file.name == "lora.py")
package.__path__ = [str(lora.locate().parent)]

import jax.numpy as jnp
from alphagenome_ft.optimizer_utils import create_optimizer

params = {"encoder": {"w": jnp.zeros(1)}, "head/new/linear": {"w": jnp.zeros(1)}}
tx = create_optimizer(params, trainable_head_names=["new"], learning_rate=1.0, heads_only=True,
                      gradient_clip_global_norm=1.0)  # fmt: skip


def step_of_head(frozen_gradient):
    grads = {"encoder": {"w": jnp.full(1, frozen_gradient)}, "head/new/linear": {"w": jnp.ones(1)}}
    return float(tx.update(grads, tx.init(params), params)[0]["head/new/linear"]["w"][0])


expected, seen = step_of_head(0.0), step_of_head(1e9)
print(f"expected: the head moves by {expected:.3f}, whatever the frozen gradient\nseen: {seen:.3f}")
assert abs(seen - expected) < 1e-3, "a frozen gradient slows the head down"
