"""To Optax: `inject_hyperparams` calls a mask with the step count, and the freeze is off.

Any callable argument is taken for a schedule. For `optax.masked`, `freeze` and `adamw(mask=…)` a
callable is a function of the parameters; called with a count it answers a single False, a valid
prefix of every tree. Either arguments that are annotated as masks are left alone, or a callable
that does not answer a number raises.

Fails with optax 0.2.8 (jax 0.10.2).
"""

import jax
import jax.numpy as jnp
import optax

params = {"backbone": jnp.ones(2), "head": jnp.ones(2)}
rule = lambda tree: jax.tree_util.tree_map_with_path(  # noqa: E731
    lambda path, _: "backbone" in jax.tree_util.keystr(path), tree
)
factory = lambda rate, mask: optax.chain(optax.sgd(rate), optax.freeze(mask))  # noqa: E731
optimizer = optax.inject_hyperparams(factory)(rate=0.1, mask=rule)
updates, _ = optimizer.update(params, optimizer.init(params), params)

print("expected: backbone 0.0, head -0.1")
print(f"seen: backbone {updates['backbone'][0]}, head {updates['head'][0]}")
assert not updates["backbone"].any(), "the backbone moves: its mask was called with the step count"
