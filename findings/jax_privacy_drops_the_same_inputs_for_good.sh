#!/usr/bin/env bash
# jax-privacy 2.0.0 with Keras 3.15.1: in a private training dropout draws one mask, and keeps it for good.
#
# Expected: `make_private` clips the gradients of a Keras model and adds noise to them; all else that a
# step does it leaves to Keras. A dropout in front of a layer takes other inputs away in each step, so
# that all weights train.
#
# What happens: its step computes what each example makes of the variables that do not train, and then
# goes on with the old ones, but for its own key and counter. The state of a dropout's seed generator is
# among them: it never moves, and since examples are mapped over without a key of their own, each
# example of each step loses the same inputs. Their weights get a gradient of zero and move by the
# noise alone. Statistics such as those of a BatchNormalization stay as they began, in the same way.
# Nothing warns.
#
# For a freeze: a part of the layer is frozen up to noise, which a look at "did the weights move" does
# not tell from training. Compare runs with two seeds of the noise, or leave dropout out.

packages=(jax-privacy==2.0.0 keras==3.15.1 dp-accounting==0.6.0 chex==0.1.92 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np
from jax_privacy import keras_api

x, y = np.ones((32, 8), "f"), np.full((32, 1), 3.0, "f")


def trained(private):
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5), head])
    if private:
        settings = keras_api.DPKerasConfig(
            epsilon=1e4,
            delta=1e-5,
            clipping_norm=1.0,
            batch_size=8,
            gradient_accumulation_steps=1,
            train_steps=200,
            train_size=32,
            noise_multiplier=0.2,
            seed=1,
        )
        model = keras_api.make_private(model, settings)
    model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse")
    (seed,) = model.layers[0].variables
    before = np.asarray(seed.value).tolist()
    model.fit(x, y, batch_size=8, epochs=50, verbose=0)
    weights = np.abs(np.asarray(head.kernel.value)[:, 0])
    print("  the seed of the dropout moved:", np.asarray(seed.value).tolist() != before)
    print("  weights that moved at all:", int((weights > 0).sum()), "of 8")
    print("  weights that moved by more than 0.1:", int((weights > 0.1).sum()), "of 8")


print("plain")
trained(private=False)
print("private")
trained(private=True)
PYTHON
)

expected=$(cat <<'TEXT'
plain
  the seed of the dropout moved: True
  weights that moved at all: 8 of 8
  weights that moved by more than 0.1: 8 of 8
private
  the seed of the dropout moved: False
  weights that moved at all: 8 of 8
  weights that moved by more than 0.1: 5 of 8
TEXT
)

. "$(dirname "$0")/judge.bash"
