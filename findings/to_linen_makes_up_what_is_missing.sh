#!/usr/bin/env bash
# Flax 0.12.8: an NNX layer in a Linen model needs no variables and no random key: what is missing is drawn
# anew from key 0 at each call. Frozen weights that were left out are other ones, and Dropout has one mask
# for the whole training.
#
# Expected: `nnx.bridge.to_linen` makes a Linen module. A Linen module raises ScopeParamNotFoundError where
# `apply` gets no parameters for it, and InvalidRngError where Dropout gets no key.
#
# What happens: `apply` builds the NNX module anew, by its constructor, which draws all of its variables,
# and then overwrites those that it is given. For names that it does not know there is a warning, for what
# is missing there is none. Where `apply` gets no keys, `Rngs(0)` takes their place, and a key that an NNX
# module counts up begins at 0 again, since it is in no collection: the same mask in each step.
#
# For a freeze: a trainer that hands on only the trainable half trains a head on another backbone, and its
# loss falls. Where the batch shares a mask, by `broadcast_dims`, weights behind units that it drops never
# get a gradient and stay, as if frozen. The adapters of LoRA are in a collection of their own, not in
# "params": a TrainState of `variables["params"]` has none, saves none and trains none, where a Linen
# layer of this kind would raise. Compare all that `init` returned with what is handed to `apply`.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import nnx
from flax.training.train_state import TrainState

warnings.simplefilter("error")
x = jax.random.normal(jax.random.key(1), (32, 3))
y = jnp.sin(x.sum(axis=1, keepdims=True))


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Dense(16, name="backbone")(x)
        x = nn.Dropout(0.5, broadcast_dims=(0,), deterministic=False)(x)
        return nn.Dense(1, name="head")(x)


class Bridged(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nnx.bridge.to_linen(nnx.Linear, 3, 16, name="backbone")(x)
        x = nnx.bridge.to_linen(nnx.Dropout, 0.5, broadcast_dims=(0,))(x)
        return nn.Dense(1, name="head")(x)


class Adapted(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nnx.bridge.to_linen(nnx.LoRALinear, 3, 16, lora_rank=2, name="backbone")(x)
        return nn.Dense(1, name="head")(x)


def loss(predict, params):
    return jnp.mean((predict({"params": params}, x) - y) ** 2)


def train(model, keyed=False):
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = model.init(keys, x)
    state = TrainState.create(
        apply_fn=model.apply, params=variables["params"], tx=optax.sgd(0.01)
    )
    begin = state.params
    for step in range(50):
        predict = partial(model.apply, rngs={"dropout": jax.random.key(step)} if keyed else {})
        grads = jax.grad(lambda params: loss(predict, params))(state.params)
        state = state.apply_gradients(grads=grads)
    return variables, begin, state.params


def moved(begin, end, *path):
    for name in path:
        begin, end = begin[name], end[name]
    return int(jnp.any(begin != end, axis=-1).sum())


for model in (Linen(), Bridged()):
    name = type(model).__name__
    for keyed in (True, False):
        how = f"{name}, {'a key for each step' if keyed else 'no key'}:"
        try:
            _, begin, end = train(model, keyed)
            print(how, f"{moved(begin, end, 'head', 'kernel')} of 16 inputs of the head train")
        except Exception as error:
            print(how, type(error).__name__)

    predict = partial(model.apply, rngs={"dropout": jax.random.key(2)})
    params = model.init({"params": jax.random.key(0), "dropout": jax.random.key(1)}, x)["params"]
    try:
        without = [float(loss(predict, {"head": params["head"]})) for _ in range(2)]
        as_with_it = without[0] == float(loss(predict, params))
        print(f"{name}, backbone left out: the loss is as with it: {as_with_it}, "
              f"the same each time: {without[0] == without[1]}")
    except Exception as error:
        print(f"{name}, backbone left out:", type(error).__name__)

variables, begin, end = train(Adapted())
print("collections of a layer with LoRA:", ", ".join(sorted(variables)))
print("what trains in it:", ", ".join(sorted(begin["backbone"])))
PYTHON
)

expected=$(cat <<'TEXT'
Linen, a key for each step: 16 of 16 inputs of the head train
Linen, no key: InvalidRngError
Linen, backbone left out: ScopeParamNotFoundError
Bridged, a key for each step: 16 of 16 inputs of the head train
Bridged, no key: 8 of 16 inputs of the head train
Bridged, backbone left out: the loss is as with it: False, the same each time: True
collections of a layer with LoRA: LoRAParam, params
what trains in it: bias, kernel
TEXT
)

. "$(dirname "$0")/judge.bash"
