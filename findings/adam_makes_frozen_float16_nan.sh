#!/usr/bin/env bash
# Optax 0.2.8: a float16 layer that is frozen by its gradient is NaN after the first step under `adam` and
# six others, and after the sixth under `radam`; a layer that trains beside it is well.
#
# Expected: a gradient of zero is the harmless one. If float16 is too small for something in Adam, it is so
# where gradients are small or large, in a layer that trains, and a loss scale mends it.
#
# What happens: `eps`, added to the root of the second moment so that nothing is divided by zero, is 1e-8
# by default. It is a Python number and takes the type of the moment; the smallest float16 above zero is
# 6e-8, so it is 0. Where the gradient was zero, both moments are, and `mu / (sqrt(nu) + eps)` is 0 / 0. An
# element that trains has a second moment. `radam` divides from its sixth step on only; `lamb` has an `eps`
# of 1e-6, `yogi` of 1e-3, and `adagrad` looks whether the sum is zero.
#
# For a freeze: by `stop_gradient` or zeroed gradients it destroys the layer in float16, and the loss is
# NaN from then on; no loss scale helps, zero times it is zero. Rows of an embedding that no batch held yet
# go the same way. In bfloat16, which has float32's exponents, all is well. Give `eps=1e-7` or more, zero
# the updates by `optax.freeze` behind the optimizer, or leave the layer out by `optax.multi_transform`.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import optax


def after_ten_steps(optimizer, dtype):
    params = {"frozen": jnp.ones(3, dtype), "head": jnp.ones(3, dtype)}
    state = optimizer.init(params)
    for step in range(1, 11):
        grads = {"frozen": jnp.zeros(3, dtype), "head": jnp.ones(3, dtype)}
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        assert not jnp.isnan(params["head"]).any()
        if jnp.isnan(params["frozen"]).any():
            return f"NaN in step {step}"
    return "stays" if (params["frozen"] == 1).all() else "moves"


def report(*names, **options):
    answers = {}
    for name in names:
        optimizer = getattr(optax, name)(0.01, **options)
        answer = tuple(after_ten_steps(optimizer, dtype) for dtype in (jnp.float16, jnp.bfloat16))
        answers.setdefault(answer, []).append(name)
    for (float16, bfloat16), alike in answers.items():
        print(f"float16 {float16}, bfloat16 {bfloat16}: {', '.join(alike)}")


report("adam", "nadam", "amsgrad", "adamax", "adabelief", "rmsprop", "adan", "radam", "lamb",
       "yogi", "adagrad", "sgd")
print("with eps=1e-7:")
report("adam", "nadam", "amsgrad", "adamax", "adabelief", "rmsprop", "adan", "radam", eps=1e-7)
PYTHON
)

expected=$(cat <<'TEXT'
float16 NaN in step 1, bfloat16 stays: adam, nadam, amsgrad, adamax, adabelief, rmsprop, adan
float16 NaN in step 6, bfloat16 stays: radam
float16 stays, bfloat16 stays: lamb, yogi, adagrad, sgd
with eps=1e-7:
float16 stays, bfloat16 stays: adam, nadam, amsgrad, adamax, adabelief, rmsprop, adan, radam
TEXT
)

. "$(dirname "$0")/judge.bash"
