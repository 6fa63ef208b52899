#!/usr/bin/env bash
# MLoRAx 0.9.5 with Flax 0.12.8: a rule that names the projections of Linen's attention adapts nothing.
#
# Expected: `LoRASpec(rules=("query", "value"))` gives the weights whose names contain these words two
# low-rank factors, which train, and freezes the rest. It is said to take any Flax model.
#
# What happens: before it looks at any rule, the library leaves out arrays of more than two axes. Linen's
# `MultiHeadDotProductAttention` keeps a projection by heads, as (features, heads, size): none of its
# kernels ever gets a factor. What trains is an empty dict, Optax accepts it, and the loss stays where it
# was. With `tune_others=True` the same kernels train as a whole. Projections by `nn.Dense`, as those of
# the models it was written for, are adapted. Nothing raises or warns.
#
# For a freeze: the rule was to say what trains, and everything is frozen, or the wrong things are not.
# Count what trains before the run.

packages=(mlorax==0.9.5 chex==0.1.92 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from mlorax import LoRASpec, lora_init


class ByHeads(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.MultiHeadDotProductAttention(num_heads=2, use_bias=False, name="attention")(x)
        return nn.Dense(1, use_bias=False, name="head")(x)


class Flat(nn.Module):
    @nn.compact
    def __call__(self, x):
        query, key, value = (
            nn.Dense(4, use_bias=False, name=name)(x) for name in ("query", "key", "value")
        )
        x = nn.dot_product_attention(query[..., None, :], key[..., None, :], value[..., None, :])
        return nn.Dense(1, use_bias=False, name="head")(x[..., 0, :])


def adapted(model, **options):
    x = jax.random.normal(jax.random.key(0), (2, 3, 4))
    params = model.init(jax.random.key(1), x)["params"]
    spec = LoRASpec(rank=1, rules=("query", "value"), **options)
    trained, apply, _ = lora_init(
        spec, None, params, lambda params, x: model.apply({"params": params}, x)
    )
    names = sorted("/".join(path) for path in flax.traverse_util.flatten_dict(trained))
    print("trains:", ", ".join(names) or "nothing")

    optimizer = optax.sgd(0.1)
    state = optimizer.init(trained)
    loss = lambda trained: jnp.mean((apply(trained, x=x) - 1) ** 2)
    first = loss(trained)
    for _ in range(5):
        updates, state = optimizer.update(jax.grad(loss)(trained), state, trained)
        trained = optax.apply_updates(trained, updates)
    print("the loss falls:", bool(loss(trained) < first))


print("projections by heads")
adapted(ByHeads())
print("the same, and all others are to be tuned")
adapted(ByHeads(), tune_others=True)
print("flat projections")
adapted(Flat())
PYTHON
)

expected=$(cat <<'TEXT'
projections by heads
trains: nothing
the loss falls: False
the same, and all others are to be tuned
trains: attention/key/kernel, attention/out/kernel, attention/query/kernel, attention/value/kernel, head/kernel
the loss falls: True
flat projections
trains: query/kernel/$lora$/a, query/kernel/$lora$/b, value/kernel/$lora$/a, value/kernel/$lora$/b
the loss falls: True
TEXT
)

. "$(dirname "$0")/judge.bash"
