"""To Keras: on JAX, `fit` runs with two layers exchanged after they swapped `trainable`.

The jitted step knows variables by their position among trainable and non-trainable ones. `fit`
collects these lists by the flags of now; where shapes agree, each layer computes with the weights
of the other, without a message. A check that the flags are those of `compile` would do.

Fails with keras 3.15.1 (jax 0.10.2).
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np

keras.utils.set_random_seed(0)
dense = keras.layers.Dense
model = keras.Sequential([keras.Input((3,)), dense(3), dense(3)])
first, second = model.layers
x, y = np.ones((4, 3), "float32"), np.zeros((4, 3), "float32")
second.trainable = False
model.compile(keras.optimizers.SGD(0.1), loss="mse")
model.fit(x, y, verbose=0)
first.trainable, second.trainable = False, True
expected = float(np.mean(np.square(model(x) - y)))
seen = model.fit(x, y, verbose=0).history["loss"][0]
print(f"expected: a loss of {expected:.4f}\nseen: {seen:.4f}")
assert np.isclose(expected, seen), "the loss is that of a model with its two layers exchanged"
