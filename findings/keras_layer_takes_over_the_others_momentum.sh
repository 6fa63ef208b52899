#!/usr/bin/env bash
# Keras 3.15.1 on JAX: swap which of two equal layers trains, compile again with the same optimizer, and the
# layer is moved by the moments of the other, at the first step and without a gradient.
#
# Expected: the guides ask for another `compile` after each change of `trainable`. An optimizer that is handed
# in again either has moments for the new layer, all zero, or refuses it: "This optimizer can only be called
# for the variables it was originally built with", says the error of `optimizer.apply`.
#
# What happens: `fit` on JAX goes by `stateless_apply` (optimizers/base_optimizer.py), which compares the
# number of variables and matches them by position, and `fit` builds no optimizer that is built already.
# So the second layer trains on with the first one's moments and count of steps, and for the first one: it
# decays if that is to decay, though `exclude_from_weight_decay` was called for the second. With other
# shapes JAX raises, with another number of variables `stateless_apply` does.
#
# For a freeze: blocks of a regular network that train in turn are of equal shapes, and it is for the sake
# of the moments that somebody keeps the optimizer. Make a new one for each phase, or keep one for each block.

packages=(keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

keras.utils.set_random_seed(0)
inputs = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def network():
    layers = [keras.layers.Dense(4, name="first"), keras.layers.Dense(4, name="second")]
    return keras.Sequential([keras.Input((4,)), *layers])


def train(model, name, optimizer, targets, steps=1):
    """Trains one layer and nothing else, and returns how far each kernel went."""
    for layer in model.layers:
        layer.trainable = layer.name == name
    model.compile(optimizer, "mse")
    before = [np.array(layer.kernel.value) for layer in model.layers]
    model.fit(inputs, targets, batch_size=32, epochs=steps, shuffle=False, verbose=0)
    return [
        float(abs(np.array(layer.kernel.value) - old).max())
        for layer, old in zip(model.layers, before, strict=True)
    ]


def told(moved):
    return ", ".join(
        f"{layer} {'stays' if distance < 1e-6 else 'moves'}"
        for layer, distance in zip(("first", "second"), moved, strict=True)
    )


for again in (False, True):
    model, optimizer = network(), keras.optimizers.Adam(0.1)
    train(model, "first", optimizer, np.ones((32, 4)), steps=5)
    optimizer = optimizer if again else keras.optimizers.Adam(0.1)
    # The targets are what the model returns, so that there is nothing to learn.
    targets = model.predict(inputs, verbose=0)
    moved = train(model, "second", optimizer, targets)
    print("the same" if again else "a new", "optimizer, and nothing to learn:", told(moved))
    print("  its first moment:", optimizer.variables[2].name)

try:
    second = model.get_layer("second")
    optimizer.apply([np.zeros((4, 4)), np.zeros(4)], second.trainable_variables)
except ValueError as error:
    print("apply:", str(error).partition(":")[0])

for excluded in ("first", "second"):
    model = network()
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=500.0)
    optimizer.exclude_from_weight_decay(model.get_layer(excluded).trainable_variables)
    train(model, "first", optimizer, model.predict(inputs, verbose=0))
    moved = train(model, "second", optimizer, model.predict(inputs, verbose=0))
    print(f"{excluded} excluded from decay: second {'decays' if moved[1] > 0.05 else 'does not'}")
PYTHON
)

expected=$(cat <<'TEXT'
a new optimizer, and nothing to learn: first stays, second stays
  its first moment: sequential_second_kernel_momentum
the same optimizer, and nothing to learn: first stays, second moves
  its first moment: sequential_1_first_kernel_momentum
apply: Unknown variable
first excluded from decay: second does not
second excluded from decay: second decays
TEXT
)

. "$(dirname "$0")/judge.bash"
