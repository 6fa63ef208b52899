#!/usr/bin/env bash
# jax-lorax 0.3.1 with qax 0.4.1: `wrap_optimizer` does not freeze the weight under a LoRA adapter.
#
# Expected: `lorax.wrap_optimizer(optimizer, spec)` trains the factors a and b of each adapted weight and
# leaves w alone. That is what the library is for, and what it requires of qax (0.3.1 or newer) allows.
#
# What happens: w receives adam's full update, as if nothing were frozen, while weights that the spec
# freezes as a whole do stay. With qax 0.3.1 it was right; qax 0.4.0 is the first that breaks it.
# Nothing raises, and the loss falls faster than LoRA's would.
#
# For a freeze: what a wrapper of an optimizer keeps can only be seen in the parameters. Compare w
# before and after one step. Needs Python 3.11 or 3.10: both libraries ask for a JAX of 2024.

packages=(jax-lorax==0.3.1 qax==0.4.1 plum-dispatch==2.2.2 optax==0.1.9 jax==0.4.26 jaxlib==0.4.26 numpy==1.26.4 scipy==1.12.0)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import lorax
import optax

params = {"kernel": jnp.ones((4, 3)), "other": jnp.ones((3, 2))}
spec = lorax.simple_spec(
    params, decision_fn=lambda path, leaf: 2 if path[0].key == "kernel" else lorax.LORA_FREEZE
)
adapted = lorax.init_lora(params, spec, jax.random.PRNGKey(0))
optimizer = lorax.wrap_optimizer(optax.adam(1e-2), spec)
state = optimizer.init(adapted)

loss = lorax.lora(lambda params, x: jnp.sum(x @ params["kernel"] @ params["other"]))
grads = jax.grad(loss)(adapted, jnp.ones((1, 4)))
updates, state = optimizer.update(grads, state, params=adapted)
trained = optax.apply_updates(adapted, updates)

for name in ("w", "b"):
    moved = bool(jnp.any(getattr(trained["kernel"], name) != getattr(adapted["kernel"], name)))
    print(f"kernel.{name} moved: {moved}")
print("other moved:", bool(jnp.any(trained["other"] != adapted["other"])))
PYTHON
)

expected=$(cat <<'TEXT'
kernel.w moved: True
kernel.b moved: True
other moved: False
TEXT
)

. "$(dirname "$0")/judge.bash"
