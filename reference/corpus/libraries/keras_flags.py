"""Keras 3 on its JAX backend: flags that change, after `compile` and around `enable_lora`.

https://keras.io/guides/transfer_learning/ and https://keras.io/api/layers/core_layers/dense/
(`enable_lora`). The optimizers are Keras's.
"""

from frostproof import LinenTrainer

from .keras_trainable import assigned, held_by, keras, weights_of


def built(batch, *layers):
    """Return a model that is named as the paths of its variables are read."""
    return keras.Sequential([keras.Input((batch.x.shape[1],)), *layers], name="model")


def train_on_batch(model, batch):
    """Train the model in place."""
    return model, float(model.train_on_batch(batch.x, batch.y))


_fitted = {"params": lambda model: weights_of(held_by(model)), "with_params": assigned}
_predicts = {"predict": lambda model, x: model(x, training=False), "loss": "mse"}

# Two equal layers, which take turns.


def exchanging(compile_again):
    """Return a `create` of a model that has trained one of two equal layers, and goes on with the
    other.
    """

    def create(seed, batch, optimizer):
        del optimizer
        keras.utils.set_random_seed(seed)  # a layer draws its initialiser's seed when it is made
        dense = keras.layers.Dense
        model = built(
            batch,
            dense(3, name="inlet"),
            dense(3, name="first"),
            dense(3, name="second"),
            dense(1, name="outlet"),
        )
        inlet, first, second, outlet = model.layers
        inlet.trainable = outlet.trainable = second.trainable = False
        model.compile(keras.optimizers.SGD(0.01), loss="mse")
        model.train_on_batch(batch.x, batch.y)
        first.trainable, second.trainable = False, True
        if compile_again:
            model.compile(keras.optimizers.SGD(0.01), loss="mse")
        return model

    return create


OTHERS = ("inlet", "first", "outlet")
exchanged = LinenTrainer(exchanging(False), train_on_batch, OTHERS, **_fitted, **_predicts)
compiled_again = LinenTrainer(exchanging(True), train_on_batch, OTHERS, **_fitted, **_predicts)

# Low-rank adapters.


def adapting(rest):
    """Return a `create` of an adapted layer, which rests for a while or does not."""

    def create(seed, batch, optimizer):
        del optimizer
        keras.utils.set_random_seed(seed)
        model = built(
            batch, keras.layers.Dense(4, name="dense"), keras.layers.Dense(1, name="head")
        )
        model.get_layer("dense").enable_lora(2)
        if rest:
            model.get_layer("dense").trainable = False
            model.get_layer("dense").trainable = True
        model.compile(keras.optimizers.SGD(0.01), loss="mse")
        return model

    return create


KERNEL = ("dense/kernel",)
lora = LinenTrainer(adapting(rest=False), train_on_batch, KERNEL, **_fitted)
lora_after_a_rest = LinenTrainer(adapting(rest=True), train_on_batch, KERNEL, **_fitted)
