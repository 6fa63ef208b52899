#!/usr/bin/env bash
# Optax 0.2.8: freeze the float32 leaves of a bfloat16 model, and under `inject_hyperparams(adam)` all other
# leaves are NaN after the first step.
#
# Expected: `multi_transform` keeps the frozen leaves out of Adam, which treats each leaf by itself. Those
# that train get the same updates as before, to the bit, and `inject_hyperparams` changes nothing but
# that the learning rate can be set.
#
# What happens: `inject_hyperparams` casts all numbers of the optimizer, not only those that are scheduled,
# to the highest type among the leaves that it is shown (`optax.tree.dtype(params, "highest")`, in
# `schedules/_inject.py`). As long as one leaf is float32, say the scale of a normalisation, so are
# they. Without it they are bfloat16, and the b2 of 0.999 becomes 1: the second moment stays 0, its
# correction of bias is 1 - 1 = 0, and 0 / 0 is NaN. Adam itself computes with Python's numbers and is fine.
#
# For a freeze: to freeze the normalisations, or to train a LoRA in bfloat16 alone, is enough, and
# `selective_transform` does it, too; a `freeze` behind the optimizer does not, since it hides no leaf.
# Give `hyperparam_dtype=jnp.float32` always.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import optax

params = {"kernel": jnp.ones(4, jnp.bfloat16), "scale": jnp.ones(4, jnp.float32)}
frozen = {"kernel": False, "scale": True}
labels = {"kernel": "train", "scale": "freeze"}


def left_out(optimizer):
    return optax.multi_transform({"train": optimizer, "freeze": optax.set_to_zero()}, labels)


def kernel_after_one_step(optimizer):
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    return float(optax.apply_updates(params, updates)["kernel"][0])


injected = optax.inject_hyperparams(optax.adam)
in_float32 = optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32)
kernels = {
    "nothing is frozen": injected(0.125),
    "frozen by freeze, last": optax.chain(injected(0.125), optax.freeze(frozen)),
    "frozen by multi_transform": left_out(injected(0.125)),
    "frozen by selective_transform": optax.selective_transform(injected(0.125), freeze_mask=frozen),
    "multi_transform, plain adam": left_out(optax.adam(0.125)),
    "multi_transform, hyperparam_dtype": left_out(in_float32(0.125)),
}
for name, optimizer in kernels.items():
    print(f"{name}: {kernel_after_one_step(optimizer)}")

state = left_out(injected(0.125)).init(params)
print("b2:", optax.tree.get(state, "b2"))
PYTHON
)

expected=$(cat <<'TEXT'
nothing is frozen: 0.875
frozen by freeze, last: 0.875
frozen by multi_transform: nan
frozen by selective_transform: nan
multi_transform, plain adam: 0.875
multi_transform, hyperparam_dtype: 0.875
b2: 1
TEXT
)

. "$(dirname "$0")/judge.bash"
