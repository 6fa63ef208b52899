"""To Lorax and Qax: `lorax.wrap_optimizer` does not freeze the weight under an adapter.

With qax 0.3.1 it does; qax 0.4.0 is the first release with which `w` gets the optimizer's update.

Fails with jax-lorax 0.3.1, qax 0.4.1, optax 0.1.9, plum-dispatch 2.2.2, jax 0.4.26, numpy 1.26.4.
"""

import jax
import jax.numpy as jnp
import lorax
import optax

params = {"kernel": jnp.ones((4, 3))}
spec = lorax.simple_spec(params, decision_fn=lambda path, leaf: 2)
adapted = lorax.init_lora(params, spec, jax.random.PRNGKey(0))
optimizer = lorax.wrap_optimizer(optax.adam(0.1), spec)
grads = jax.grad(lorax.lora(lambda params: jnp.sum(jnp.ones((1, 4)) @ params["kernel"])))(adapted)
updates, _ = optimizer.update(grads, optimizer.init(adapted), params=adapted)
trained = optax.apply_updates(adapted, updates)["kernel"]
seen = float(trained.w[0, 0])

print(f"expected: the frozen weight stays 1.0\nseen: {seen}")
assert seen == 1, "the frozen weight trains"
