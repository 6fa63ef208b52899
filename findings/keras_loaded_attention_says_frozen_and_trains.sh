#!/usr/bin/env bash
# Keras 3.15.1: a frozen attention, or a frozen backbone of a class of one's own, trains once it was saved
# and loaded, or cloned; its `trainable` is False and its `trainable_variables` are empty all the while.
#
# Expected: `backbone.trainable = False` is part of the model that a `.keras` file holds, as it is for a Dense,
# an LSTM, a `Sequential` and wrappers. `trainable=False` as an argument of a layer means the same.
#
# What happens: setting `trainable` goes down to all sublayers and variables, once (`Layer.trainable`,
# layers/layer.py). As an argument it is noted before the constructor, or `build`, has made any sublayers,
# and those know nothing of it. It is an argument when a model is loaded, too: the config of the layer says
# `trainable: False`, and the sublayers of an attention or of one's own class have no config in the file.
# The layer asks itself first and lists no trainable variables; the model around it asks each variable
# only, and finds them all. So do `Bidirectional`, `RNN`, `TimeDistributed` and `Sequential` where they are
# given the argument by hand; their loading is right, since the inner layer's config says it, too. What is
# frozen alone within a layer, the cell of an LSTM or a single variable, is in no config and thaws.
#
# For a freeze: weights and predictions are as saved, and with sgd there is no warning; with adam the moments
# do not fit, and a warning names two numbers of variables. Set `layer.trainable = False` on the loaded
# model, though it is False, and compile again. Count `model.trainable_variables`, not those of the layer.

packages=(keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import os
import warnings

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

x = np.random.default_rng(0).normal(size=(16, 5, 4)).astype("float32")
y = x.sum(axis=(1, 2))[:, None]


@keras.saving.register_keras_serializable()
class Backbone(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def build(layer):
    """A model of the layer and a head of two variables, compiled."""
    inputs = keras.Input((5, 4))
    attends = isinstance(layer, layers.MultiHeadAttention)
    features = layer(inputs, inputs) if attends else layer(inputs)
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(features)))
    model.compile("sgd", "mse")
    return model


def load(model):
    """The model, saved and loaded, and what Keras warned of in its optimizer."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.save("model.keras")
        loaded = keras.saving.load_model("model.keras")
    assert np.allclose(model(x), loaded(x))
    return loaded, [str(one.message) for one in seen if "optimizer" in str(one.message)]


def trained(model):
    """How many variables of the layer the model trains."""
    return len(model.trainable_variables) - 2


def moved_by_fit(model):
    layer = model.layers[1]
    before = [np.asarray(variable.value) for variable in layer.weights]
    model.fit(x, y, verbose=0)
    return any(not np.array_equal(old, new.value) for old, new in zip(before, layer.weights, strict=True))


kinds = {
    "Dense": lambda **freeze: layers.Dense(3, **freeze),
    "LSTM": lambda **freeze: layers.LSTM(3, **freeze),
    "Bidirectional": lambda **freeze: layers.Bidirectional(layers.LSTM(3), **freeze),
    "TimeDistributed": lambda **freeze: layers.TimeDistributed(layers.Dense(3), **freeze),
    "Sequential": lambda **freeze: keras.Sequential([layers.Dense(3)], **freeze),
    "MultiHeadAttention": lambda **freeze: layers.MultiHeadAttention(2, 2, **freeze),
    "a subclass of Model": lambda **freeze: Backbone(3, **freeze),
}
print("layer.trainable = False:")
for name, make in kinds.items():
    layer = make()
    model = build(layer)
    layer.trainable = False
    model.compile("sgd", "mse")
    loaded, warned = load(model)
    says = f"lists {len(loaded.layers[1].trainable_variables)}, fit moves it: {moved_by_fit(loaded)}"
    print(f"  {name:20} trained {trained(model)}, cloned {trained(keras.models.clone_model(model))},",
          f"loaded {trained(loaded)}; the loaded layer {says}, warnings: {len(warned)}")

print("trainable=False as an argument:")
for name, make in kinds.items():
    model = build(make(trainable=False))
    print(f"  {name:20} trained {trained(model)}; the layer lists",
          f"{len(model.layers[1].trainable_variables)}, fit moves it: {moved_by_fit(model)}")

print("a part of a layer:")
parts = {
    "the cell of an LSTM": ("LSTM", lambda layer: layer.cell),
    "a layer of a Bidirectional": ("Bidirectional", lambda layer: layer.forward_layer),
    "queries of an attention": ("MultiHeadAttention", lambda layer: layer.query_dense),
    "the kernel of a Dense": ("Dense", lambda layer: layer.kernel),
}
for name, (kind, part) in parts.items():
    model = build(kinds[kind]())
    part(model.layers[1]).trainable = False
    print(f"  {name:27} trained {trained(model)}, loaded {trained(load(model)[0])}")

model = build(kinds["MultiHeadAttention"]())
model.layers[1].trainable = False
model.compile("adam", "mse")
model.fit(x, y, epochs=3, verbose=0)
loaded, warned = load(model)
of_freezing = [one for one in warned if "trainable" in one or "frozen" in one]
print(f"adam: {int(model.optimizer.iterations)} steps done, {int(loaded.optimizer.iterations)} when",
      f"loaded; warnings: {len(warned)}, of frozen layers: {len(of_freezing)}")
loaded.layers[1].trainable = False
loaded.compile("adam", "mse")
print("set to False again, fit moves it:", moved_by_fit(loaded))
PYTHON
)

expected=$(cat <<'TEXT'
layer.trainable = False:
  Dense                trained 0, cloned 0, loaded 0; the loaded layer lists 0, fit moves it: False, warnings: 0
  LSTM                 trained 0, cloned 0, loaded 0; the loaded layer lists 0, fit moves it: False, warnings: 0
  Bidirectional        trained 0, cloned 0, loaded 0; the loaded layer lists 0, fit moves it: False, warnings: 0
  TimeDistributed      trained 0, cloned 0, loaded 0; the loaded layer lists 0, fit moves it: False, warnings: 0
  Sequential           trained 0, cloned 0, loaded 0; the loaded layer lists 0, fit moves it: False, warnings: 0
  MultiHeadAttention   trained 0, cloned 8, loaded 8; the loaded layer lists 0, fit moves it: True, warnings: 0
  a subclass of Model  trained 0, cloned 2, loaded 2; the loaded layer lists 0, fit moves it: True, warnings: 0
trainable=False as an argument:
  Dense                trained 0; the layer lists 0, fit moves it: False
  LSTM                 trained 0; the layer lists 0, fit moves it: False
  Bidirectional        trained 6; the layer lists 0, fit moves it: True
  TimeDistributed      trained 2; the layer lists 0, fit moves it: True
  Sequential           trained 2; the layer lists 0, fit moves it: True
  MultiHeadAttention   trained 8; the layer lists 0, fit moves it: True
  a subclass of Model  trained 2; the layer lists 0, fit moves it: True
a part of a layer:
  the cell of an LSTM         trained 0, loaded 3
  a layer of a Bidirectional  trained 3, loaded 3
  queries of an attention     trained 6, loaded 8
  the kernel of a Dense       trained 1, loaded 2
adam: 3 steps done, 0 when loaded; warnings: 1, of frozen layers: 0
set to False again, fit moves it: False
TEXT
)

. "$(dirname "$0")/judge.bash"
