"""Keras 3 on its JAX backend: `trainable = False`, by functions without state and by `fit`'s own.

https://keras.io/guides/writing_a_custom_training_loop_in_jax/ and
https://keras.io/guides/transfer_learning/. The optimizers are Keras's: those which are handed over
are left aside.
"""

import functools
import os
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras

from frostproof import LinenTrainer

if keras.backend.backend() != "jax":
    raise ImportError("Keras runs on another backend: set KERAS_BACKEND=jax")

FROZEN = ("backbone",)


def make_model(inputs):
    """Make a frozen backbone with statistics, and a head."""
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.Sequential(
                [keras.layers.Dense(4, name="dense"), keras.layers.BatchNormalization(name="norm")],
                name="backbone",
            ),
            keras.layers.Activation("relu"),
            keras.layers.Dense(1, name="head"),
        ],
        name="model",
    )
    model.get_layer("backbone").trainable = False
    return model


def by_path(variables, values):
    """Return values by the paths of their variables, from the layer on: `backbone/dense/kernel`."""
    return {
        variable.path.removeprefix("model/"): value
        for variable, value in zip(variables, values, strict=True)
    }


def is_statistic(path):
    """Tell running means and variances from weights."""
    return path.endswith(("moving_mean", "moving_variance"))


def weights_of(values):
    """Return what of these values is a weight."""
    return {path: value for path, value in values.items() if not is_statistic(path)}


def statistics_of(values):
    """Return what of these values is a statistic."""
    return {path: value for path, value in values.items() if is_statistic(path)}


# The user's own training loop.


class State(NamedTuple):
    """All values of a model and its optimizer, in Keras's own order."""

    trainable: Any
    non_trainable: Any
    optimizer: Any


@functools.cache
def prepared(inputs):
    """Return a model and its optimizer, whose values are held elsewhere; one for each width."""
    model, optimizer = make_model(inputs), keras.optimizers.AdamW(0.1)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def create(seed, batch, optimizer):
    """Return the values of a model that is initialised anew."""
    del optimizer
    _, optimizer = prepared(batch.x.shape[1])
    keras.utils.set_random_seed(seed)
    fresh = make_model(batch.x.shape[1])
    groups = fresh.trainable_variables, fresh.non_trainable_variables, optimizer.variables
    return State(*([jnp.array(variable.value) for variable in group] for group in groups))


@jax.jit
def train_step(state, batch):
    """Take a step, as the guide does it."""
    model, optimizer = prepared(batch.x.shape[1])

    def compute_loss_and_updates(trainable, non_trainable):
        y, non_trainable = model.stateless_call(trainable, non_trainable, batch.x, training=True)
        return keras.losses.MeanSquaredError()(batch.y, y), non_trainable

    (loss, non_trainable), grads = jax.value_and_grad(compute_loss_and_updates, has_aux=True)(
        state.trainable, state.non_trainable
    )
    trainable, kept = optimizer.stateless_apply(state.optimizer, grads, state.trainable)
    return State(trainable, non_trainable, kept), loss


def values_of(state):
    """Return all values of a model by path."""
    inputs = next(leaf.shape[0] for leaf in state.non_trainable if leaf.ndim == 2)
    model, _ = prepared(inputs)
    return by_path(model.trainable_variables, state.trainable) | by_path(
        model.non_trainable_variables, state.non_trainable
    )


def with_params(state, params):
    """Put other weights in place."""
    inputs = params["backbone/dense/kernel"].shape[0]
    model, _ = prepared(inputs)
    values = values_of(state) | params

    def ordered(variables):
        return [values[variable.path.removeprefix("model/")] for variable in variables]

    return state._replace(
        trainable=ordered(model.trainable_variables),
        non_trainable=ordered(model.non_trainable_variables),
    )


stateless = LinenTrainer(
    create,
    train_step,
    FROZEN,
    params=lambda state: weights_of(values_of(state)),
    with_params=with_params,
    model_state=lambda state: statistics_of(values_of(state)),
    opt_state=lambda state: state.optimizer,
)


# Keras's own loop, by which `fit` trains.


def compiled(seed, batch, optimizer):
    """Return a model as `fit` takes it: compiled after what trains was chosen."""
    del optimizer
    keras.utils.set_random_seed(seed)
    model = make_model(batch.x.shape[1])
    model.compile(keras.optimizers.AdamW(0.1), loss="mse")
    return model


def train_on_batch(model, batch):
    """Train the model in place."""
    return model, model.train_on_batch(batch.x, batch.y)


def held_by(model):
    """Return the values that a model holds."""
    return by_path(model.variables, [jnp.array(variable.value) for variable in model.variables])


def assigned(model, params):
    """Put other weights in place."""
    for variable in model.variables:
        path = variable.path.removeprefix("model/")
        if path in params:
            variable.assign(params[path])
    return model


_fitted = {
    "params": lambda model: weights_of(held_by(model)),
    "with_params": assigned,
    "model_state": lambda model: statistics_of(held_by(model)),
}
fit = LinenTrainer(compiled, train_on_batch, FROZEN, **_fitted)


def compiled_in_part(seed, batch, optimizer):
    """Return a model in which a single layer of the backbone is frozen, and not its statistics."""
    model = compiled(seed, batch, optimizer)
    model.get_layer("backbone").trainable = True
    model.get_layer("backbone").get_layer("dense").trainable = False
    model.compile(keras.optimizers.AdamW(0.1), loss="mse")
    return model


#: A faulty twin: the scale and offset of the normalisation train, and its statistics move.
layer_forgotten = LinenTrainer(compiled_in_part, train_on_batch, FROZEN, **_fitted)
