#!/usr/bin/env bash
# Qwix 0.1.8: where a sequence is as long as a layer is wide, LoRA adds a weight's adapter to the scores of
# the attention; and of two weights of one shape that are cast, neither gets an adapter.
#
# Expected: which products get an adapter depends on the model and on the rules. The length of a sequence,
# the size of a batch and the type that the weights are cast to make no difference.
#
# What happens: Qwix sees two arrays come into a product, and has to find out whether one is a weight of
# the module. It follows a traced array back through operations with one operand, and where that leads
# nowhere, or nothing is traced, it compares shapes with the weights that the module holds itself: if one
# has this shape, the array is taken for it; if two have, for none; three raise. So the adapter of a
# weight is added to the scores of an attention, eagerly without a word; compiled, an array further back
# is compared, and it may raise. In quantised training an input of the shape of a square weight counts as
# a second weight, and raises.
#
# For a freeze: LoRA freezes the rest, so a weight that got no adapter does not train at all. List the
# LoRAParams before training. Keep each weight in a module of its own, as `nnx.Linear` does, and choose
# no batch as large as a layer is wide.

packages=(qwix==0.1.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import qwix
from flax import nnx

normal = nnx.initializers.normal(0.5)
tokens = jax.random.normal(jax.random.key(0), (9, 8))


class Attention(nnx.Module):
    def __init__(self, rngs):
        self.into = nnx.Param(normal(rngs.params(), (8, 24)))
        self.out = nnx.Param(normal(rngs.params(), (8, 8)))

    def __call__(self, x):
        query, key, value = jnp.split(jnp.dot(x, self.into[...]), 3, axis=1)
        scores = jnp.where(jnp.tri(len(x), dtype=bool), jnp.dot(query, key.T), -1e9)
        return jnp.dot(jnp.dot(jax.nn.softmax(scores), value), self.out[...])


class Gated(nnx.Module):
    def __init__(self, rngs, dtype):
        self.dtype = dtype
        self.gate = nnx.Param(normal(rngs.params(), (8, 16)))
        self.up = nnx.Param(normal(rngs.params(), (8, 16)))
        self.down = nnx.Param(normal(rngs.params(), (16, 8)))

    def __call__(self, x):
        gate, up, down = (w[...].astype(self.dtype) for w in (self.gate, self.up, self.down))
        x = x.astype(self.dtype)
        return jnp.dot(jax.nn.silu(jnp.dot(x, gate)) * jnp.dot(x, up), down)


class Square(nnx.Module):
    def __init__(self, rngs):
        self.layer = nnx.Linear(8, 8, rngs=rngs)

    def __call__(self, x):
        return self.layer(x)


def adapted(model):
    """Return the model with adapters that are not zero, as after training."""
    lora = qwix.LoraProvider(module_path=".*", rank=2, alpha=2.0, lora_b_initializer=normal)
    return qwix.apply_lora_to_model(model, lora, tokens[:4], rngs=nnx.Rngs(1))


def run(model, x):
    return model(x)


def same_start(run, model, length):
    """Tell whether the first four results of causal attention are those of four tokens alone."""
    try:
        return bool(jnp.allclose(run(model, tokens[:length])[:4], model(tokens[:4]), atol=1e-3))
    except Exception as error:
        return type(error).__name__


def trained(model, batch):
    rule = qwix.QtRule(weight_qtype="int8", act_qtype="int8")
    try:
        qwix.quantize_model(model, qwix.QtProvider([rule]), batch)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "fine"


base = Attention(nnx.Rngs(0))
for name, model in {"frozen alone": base, "with LoRA": adapted(base)}.items():
    for how, call in {"eager": run, "compiled": nnx.jit(run)}.items():
        said = ", ".join(f"{length} {same_start(call, model, length)}" for length in (7, 8, 9))
        print(f"attention, {name}, {how}, the same start by length: {said}")
for dtype in ("float32", "bfloat16"):
    state = nnx.state(adapted(Gated(nnx.Rngs(0), dtype)), nnx.LoRAParam)
    print(f"gated, {dtype}: {', '.join(name for (name,), _ in nnx.to_flat_state(state))}")
for size in (7, 8, 9):
    print(f"quantised training, batch of {size}: {trained(Square(nnx.Rngs(0)), tokens[:size])}")
PYTHON
)

expected=$(cat <<'TEXT'
attention, frozen alone, eager, the same start by length: 7 True, 8 True, 9 True
attention, frozen alone, compiled, the same start by length: 7 True, 8 True, 9 True
attention, with LoRA, eager, the same start by length: 7 True, 8 False, 9 True
attention, with LoRA, compiled, the same start by length: 7 True, 8 TypeError, 9 True
gated, float32: down_lora_a, down_lora_b, gate_lora_a, gate_lora_b, up_lora_a, up_lora_b
gated, bfloat16: down_lora_a, down_lora_b
quantised training, batch of 7: fine
quantised training, batch of 8: AssertionError: lhs and rhs cannot be both weights.
quantised training, batch of 9: fine
TEXT
)

. "$(dirname "$0")/judge.bash"
