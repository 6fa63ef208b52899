"""To ZAdapter: `optax.masked` with its mask of adapters adds raw gradients to the frozen base.

The docstring of `get_adapter_param_mask` has `optax.masked(optax.adamw(1e-4), mask)`. `masked`
hands on what it does not transform (google-deepmind/optax#159); `multi_transform` with
`set_to_zero` for the rest is meant. Besides, zadapter cannot be imported: line 74 of its
`__init__` does not parse.

Fails with zadapter 0.2.0 (optax 0.2.8, jax 0.10.2), of which `core.py` is loaded alone.
"""

import importlib.util
from importlib.metadata import files

import jax.numpy as jnp
import optax

(core,) = (file for file in files("zadapter") if file.name == "core.py")
spec = importlib.util.spec_from_file_location("core", core.locate())
core = importlib.util.module_from_spec(spec)
spec.loader.exec_module(core)
params = {"base": jnp.zeros(1), "ZAdapter_0": jnp.zeros(1)}
optimizer = optax.masked(optax.adamw(1e-4), core.get_adapter_param_mask(params))
grads = {"base": jnp.ones(1), "ZAdapter_0": jnp.ones(1)}
updates, _ = optimizer.update(grads, optimizer.init(params), params)
seen = float(updates["base"][0])

print(f"expected: the base moves by 0\nseen: {seen}, its raw gradient")
assert seen == 0, "the frozen base trains"
