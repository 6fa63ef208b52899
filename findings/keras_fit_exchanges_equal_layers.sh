#!/usr/bin/env bash
# Keras 3.15.1 on JAX: swap which of two equal layers trains, and `fit` runs with both exchanged.
#
# Expected: after `layer.trainable` was changed, `fit` either takes notice, or keeps training what it
# trained when the model was compiled. The guides ask for another `compile`; whoever
# forgets it expects the old choice to stand.
#
# What happens: neither. The step was compiled for two lists of values, trainable and not, matched by
# position. `fit` fills these lists by the flags of today, and the step reads them by the flags of
# then. Where two layers have equal shapes this fits: each layer computes with the weights of the
# other. The loss that `fit` reports is that of the exchanged model, and the layer that trains gets
# the gradient of the other. Where the shapes differ, a ValueError names a variable.
#
# For a freeze: gradual unfreezing, block by block of a regular network, is where equal layers
# change roles. Compile again after each change of `trainable`.

packages=(keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np


def mean_square(x, *layers):
    for kernel, bias in layers:
        x = x @ kernel + bias
    return float(np.mean(x**2))


def second_fit(compile_again):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((3,)), dense(3, name="first"), dense(3, name="second")])
    first, second = model.layers
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 3), "float32")

    second.trainable = False
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    model.fit(x, y, verbose=0)
    first.trainable, second.trainable = False, True
    if compile_again:
        model.compile(keras.optimizers.SGD(0.1), loss="mse")
    weights = first.get_weights(), second.get_weights()
    loss = model.fit(x, y, verbose=0).history["loss"][0]
    of_the_model = np.isclose(loss, mean_square(x, *weights))
    of_the_exchanged = np.isclose(loss, mean_square(x, *reversed(weights)))
    print(f"compiled again: {compile_again}; loss of the model: {of_the_model}; "
          f"loss with both layers exchanged: {of_the_exchanged}")


second_fit(compile_again=True)
second_fit(compile_again=False)
PYTHON
)

expected=$(cat <<'TEXT'
compiled again: True; loss of the model: True; loss with both layers exchanged: False
compiled again: False; loss of the model: False; loss with both layers exchanged: True
TEXT
)

. "$(dirname "$0")/judge.bash"
