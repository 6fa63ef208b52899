#!/usr/bin/env bash
# Optax 0.2.8: beside one frozen leaf of int8, `dog` and `dowg` never train the float32 head and say nothing,
# `prodigy` and `dadapt_adamw` make it NaN; `mechanize` raises even for a frozen bfloat16 leaf.
#
# Expected: a frozen leaf whose gradient is zero has no part in the others' updates. Its type is a matter of
# its own: quantised weights below a head in float32 are common, and Adam trains the head as ever.
#
# What happens: these optimizers find their learning rate by themselves and keep it in their state, as one
# number for all leaves. It has the lowest type of all leaves (`optax.tree.dtype(params, "lowest")` in
# each `init`), so that it does not promote the updates of the lowest. The first estimate is about
# 1e-6, which is 0 in int8. `dog` multiplies all updates by it, so no distance ever grows, and 0 it stays.
# In `prodigy` and `dadapt_adamw` the first gradients are weighted by it, and the next estimate is 0 / 0.
# `mechanize` clamps a sum of the highest type between bounds of the lowest, which JAX refuses.
#
# For a freeze: here `optax.freeze` behind the optimizer is too late, and so is a gradient of zero. Leave the
# frozen leaves out by `optax.multi_transform` or by differentiating the head alone. The opposite, types that
# are right only as long as a frozen leaf is seen, is freezing_float32_leaves_makes_the_rest_nan.sh.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from optax import contrib

MASK = {"backbone": True, "head": False}
LABELS = {"backbone": "freeze", "head": "train"}


def frozen_last(optimizer):
    return optax.chain(optimizer, optax.freeze(MASK))


def left_out(optimizer):
    return optax.multi_transform({"train": optimizer, "freeze": optax.set_to_zero()}, LABELS)


def head_after_training(optimizer, frozen):
    head = jnp.arange(4, dtype=jnp.float32)
    params = {"backbone": jnp.ones(4, frozen), "head": head}
    state = optimizer.init(params)
    for _ in range(20):
        grad = jax.grad(lambda head: jnp.mean((head - 5) ** 2))(params["head"])
        grads = {"backbone": jnp.zeros(4, frozen), "head": grad}
        try:
            updates, state = optimizer.update(grads, state, params)
        except TypeError:
            return "TypeError"
        params = {**params, "head": params["head"] + updates["head"]}
    if jnp.isnan(params["head"]).any():
        return "NaN"
    return "as it was" if (params["head"] == head).all() else "trained"


optimizers = {
    "adam": optax.adam(0.1),
    "dog": contrib.dog(),
    "dowg": contrib.dowg(),
    "prodigy": contrib.prodigy(),
    "dadapt_adamw": contrib.dadapt_adamw(),
    "mechanize": contrib.mechanize(optax.sgd(0.1)),
}
for name, optimizer in optimizers.items():
    heads = {
        frozen.__name__: head_after_training(frozen_last(optimizer), frozen)
        for frozen in (jnp.float32, jnp.bfloat16, jnp.int8)
    }
    print(f"{name}, frozen last: {heads}; int8 left out: {head_after_training(left_out(optimizer), jnp.int8)}")
PYTHON
)

expected=$(cat <<'TEXT'
adam, frozen last: {'float32': 'trained', 'bfloat16': 'trained', 'int8': 'trained'}; int8 left out: trained
dog, frozen last: {'float32': 'trained', 'bfloat16': 'trained', 'int8': 'as it was'}; int8 left out: trained
dowg, frozen last: {'float32': 'trained', 'bfloat16': 'trained', 'int8': 'as it was'}; int8 left out: trained
prodigy, frozen last: {'float32': 'trained', 'bfloat16': 'trained', 'int8': 'NaN'}; int8 left out: trained
dadapt_adamw, frozen last: {'float32': 'trained', 'bfloat16': 'trained', 'int8': 'NaN'}; int8 left out: trained
mechanize, frozen last: {'float32': 'trained', 'bfloat16': 'TypeError', 'int8': 'TypeError'}; int8 left out: trained
TEXT
)

. "$(dirname "$0")/judge.bash"
