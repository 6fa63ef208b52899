"""To Optax: `selective_transform` takes a mask that is a function for True, and trains nothing.

Its neighbour `freeze` calls such a mask with the parameters, since it is built on `masked`. Either
`freeze_mask` is called as well, or a callable raises.

Fails with optax 0.2.8 (jax 0.10.2).
"""

import jax.numpy as jnp
import optax

params = {"backbone": jnp.ones(2), "head": jnp.ones(2)}
mask = lambda tree: {name: name == "backbone" for name in tree}  # noqa: E731
optimizer = optax.selective_transform(optax.sgd(0.1), freeze_mask=mask)
updates, _ = optimizer.update(params, optimizer.init(params), params)

print("expected: backbone 0.0, head -0.1 (as chain(sgd, freeze(mask)) has it), or an error")
print(f"seen: backbone {updates['backbone'][0]}, head {updates['head'][0]}")
assert updates["head"].any(), "the head is frozen, too"
