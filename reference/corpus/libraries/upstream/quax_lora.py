"""To Quax: the weight that `loraify` keeps from training decays under adamw.

Its documentation says that `stop_gradient` prevents training. The gradient is zero, which is no
freeze where the optimizer decays weights. A function that divides a model into adapters and
originals (for `eqx.partition`), or a word in the documentation, would do.

Fails with quax 0.4.6 (equinox 0.13.8, optax 0.2.8, jax 0.10.2).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import quax
from quax.examples import lora

linear = eqx.nn.Linear(2, 3, key=jax.random.key(0))
linear = lora.loraify(linear, rank=1, key=jax.random.key(1))
optimizer = optax.adamw(0.1, weight_decay=0.1)
grads = eqx.filter_grad(lambda linear: jnp.sum(quax.quaxify(linear)(jnp.ones(2))))(linear)
arrays = eqx.filter(linear, eqx.is_array)
updates, _ = optimizer.update(grads, optimizer.init(arrays), arrays)
seen = float(jnp.max(jnp.abs(updates.weight._w)))

print(f"expected: the original weight moves by 0\nseen: {seen}")
assert seen == 0, "the original weight decays"
