#!/usr/bin/env bash
# SpectraX 0.1.4: `freeze` renames: weights loaded into a frozen layer are ignored without a word, and a
# gradient that is chosen by a class, not by a collection, trains it.
#
# Expected: `module.freeze()` marks variables, and `update(module, state)` writes a state into a module,
# whether a part of it is frozen or not. For a LoRA, the documentation calls `wrt="lora"` and
# `wrt=LoraParameter` two spellings of one thing.
#
# What happens: `freeze` moves a variable from its collection, such as "parameters", into "buffers", and
# nothing else. `update` looks each variable up by collection and path, keeps those that it does not find,
# and ignores what is left over. A state from before the freeze has the frozen weights where `update` does
# not look for them; so does one that was exported while they were frozen, after a thaw. And a selector by
# class asks for the class of a variable, which `freeze` does not change, so that it freezes under one of
# the two spellings only; `Parameter` for "parameters" is no better.
#
# For a freeze: first frozen, then loaded is the order of a model that freezes its backbone where it is
# built: exactly the frozen layers keep their random numbers, all others are loaded. Load first, or
# `unfreeze` around each load and export, and choose gradients by collection.

packages=(spectrax-lib==0.1.4 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
import spectrax as spx
from spectrax import nn
from spectrax.contrib import Optimizer

x = jax.random.normal(jax.random.key(0), (8, 3))


class Model(spx.Module):
    def __init__(self, seed):
        super().__init__()
        rngs = spx.Rngs(seed)
        self.backbone = nn.Linear(3, 4, use_bias=False, rngs=rngs)
        self.head = nn.LoRALinear(4, 1, rank=2, use_bias=False, rngs=rngs)

    def forward(self, x):
        return self.head(self.backbone(x))


def values(model):
    return {path: jnp.array(variable.value) for path, variable in spx.iter_variables(model)}


def equal(model, others):
    return ", ".join(path for path, value in values(model).items() if (value == others[path]).all())


def moved(freeze, wrt):
    model = Model(1)
    model.freeze(freeze)
    begin = values(model)
    optimizer = Optimizer.create(model, optax.sgd(0.1), wrt=wrt)
    for _ in range(2):
        grads = spx.grad(lambda model: jnp.mean((model(x) - 1) ** 2), wrt=wrt)(model)
        optimizer = optimizer.apply_eager(model, grads)
    still = equal(model, begin)
    return ", ".join(path for path in begin if path not in still) or "nothing"


trained = Model(2)
checkpoint = spx.export(trained)[1]

model = Model(1)
spx.update(model, checkpoint)
model.backbone.freeze()
print("loaded, then frozen:", equal(model, values(trained)))

thawed = Model(1)
spx.update(thawed, spx.export(model)[1])
print("exported while frozen, loaded thawed:", equal(thawed, values(trained)))

model = Model(1)
model.backbone.freeze()
spx.update(model, checkpoint)
print("frozen, then loaded:", equal(model, values(trained)))

print('"parameters" frozen, wrt="parameters":', moved("parameters", "parameters"))
print('"parameters" frozen, wrt=Parameter:', moved("parameters", spx.Parameter))
print('"lora" frozen, wrt="lora":', moved("lora", "lora"))
print('"lora" frozen, wrt=LoraParameter:', moved("lora", nn.LoraParameter))
PYTHON
)

expected=$(cat <<'TEXT'
loaded, then frozen: backbone.weight, head.base.weight, head.lora.lora_a, head.lora.lora_b
exported while frozen, loaded thawed: head.base.weight, head.lora.lora_a, head.lora.lora_b
frozen, then loaded: head.base.weight, head.lora.lora_a, head.lora.lora_b
"parameters" frozen, wrt="parameters": nothing
"parameters" frozen, wrt=Parameter: backbone.weight, head.base.weight
"lora" frozen, wrt="lora": nothing
"lora" frozen, wrt=LoraParameter: head.lora.lora_a, head.lora.lora_b
TEXT
)

. "$(dirname "$0")/judge.bash"
