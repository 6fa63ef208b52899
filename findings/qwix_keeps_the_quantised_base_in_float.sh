#!/usr/bin/env bash
# Qwix 0.1.8: with a frozen base in int8 or nf4, a training step of LoRA over scanned layers holds the whole
# base in float32, too, and needs more memory than with a base in float32.
#
# Expected: that is what QLoRA is for: the frozen weights take a quarter or an eighth of the memory, and a
# layer is dequantised only while it is computed. No gradient of the base is asked for, so that nothing of
# it has to be remembered beyond what is there already.
#
# What happens: the gradient by a layer's input needs the layer's weights, and the product that JAX
# differentiates is one with the dequantised weights: `dot_general` in core/dot_general.py dequantises first
# where the other operand is float, and trusts XLA to fuse that with the product. JAX keeps the operand of
# the product for the backward pass, as for any product. A float base is an argument of the step, and
# keeping it costs nothing. A dequantised one is new: a scan, as for the layers of a large model, stacks
# those of all layers. The forward pass alone has one layer at a time, so that measuring it shows the saving.
#
# For a freeze: a frozen weight that is computed from another, by dequantising, casting or merging, is kept
# for the backward pass as it was computed. Put `jax.checkpoint` around the body of the scan; the policy
# `dots_saveable` keeps the products and computes only what is cheap, as the dequantising, again. Read
# `memory_analysis()` of the compiled gradient, or the leaves of the function that `jax.vjp` returns.

packages=(qwix==0.1.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 ml-dtypes==0.6.0 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import qwix
from flax import nnx

WIDTH, LAYERS = 256, 12
batch = jnp.ones((4, WIDTH))


class Block(nnx.Module):
    def __init__(self, rngs):
        self.dense = nnx.Linear(WIDTH, WIDTH, use_bias=False, rngs=rngs)

    def __call__(self, x):
        return jnp.tanh(self.dense(x))


def stacked(**quantised):
    """Returns one definition, and the states of all layers: their adapters, and the frozen rest."""
    provider = qwix.LoraProvider(module_path=".*", rank=2, alpha=2.0, **quantised)
    split = []
    for seed in range(LAYERS):
        block = qwix.apply_lora_to_model(
            Block(nnx.Rngs(seed)), provider, batch, rngs=nnx.Rngs(seed)
        )
        definition, *states = nnx.split(block, nnx.LoRAParam, ...)
        split.append(states)
    return definition, *jax.tree.map(lambda *layers: jnp.stack(layers), *split)


def size(tree):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree)) // 1024


def measure(name, wrap=lambda body: body, **quantised):
    """Prints what is kept, and returns the sizes of the base and of the compiled steps."""
    definition, adapters, base = stacked(**quantised)

    @wrap
    def body(x, states):
        return nnx.merge(definition, *states)(x), None

    def loss(adapters, base):
        return (jax.lax.scan(body, batch, (adapters, base))[0] ** 2).sum()

    given = {id(leaf) for leaf in jax.tree.leaves((adapters, base))}
    _, backward = jax.vjp(lambda adapters: loss(adapters, base), adapters)
    kept = [leaf for leaf in jax.tree.leaves(backward) if id(leaf) not in given]
    kept = [f"{leaf.dtype}{list(leaf.shape)}" for leaf in kept if leaf.size >= LAYERS * WIDTH**2]
    print(f"{name}: a base of {size(base)} KiB, and for the backward pass", *kept or ["no weights"])

    def scratch(function):
        compiled = jax.jit(function).lower(adapters, base).compile()
        return compiled.memory_analysis().temp_size_in_bytes // 1024

    return size(base), scratch(loss), scratch(jax.grad(loss))


plain, plain_forward, plain_step = measure("float32")
small, forward, step = measure("int8", weight_qtype="int8")
measure("nf4", weight_qtype="nf4", tile_size=32)
policy = jax.checkpoint_policies.dots_saveable
_, _, cured = measure(
    "int8, dots_saveable", lambda body: jax.checkpoint(body, policy=policy), weight_qtype="int8"
)
print("forward, int8 needs less than half:", small + forward < (plain + plain_forward) / 2)
print("a step with int8 needs more:", small + step > plain + plain_step)
print("with dots_saveable less than half:", small + cured < (plain + plain_step) / 2)
PYTHON
)

expected=$(cat <<'TEXT'
float32: a base of 3072 KiB, and for the backward pass no weights
int8: a base of 780 KiB, and for the backward pass float32[12, 256, 256]
nf4: a base of 864 KiB, and for the backward pass float32[12, 256, 256]
int8, dots_saveable: a base of 780 KiB, and for the backward pass no weights
forward, int8 needs less than half: True
a step with int8 needs more: True
with dots_saveable less than half: True
TEXT
)

. "$(dirname "$0")/judge.bash"
