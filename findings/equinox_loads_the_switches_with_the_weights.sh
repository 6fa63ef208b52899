#!/usr/bin/env bash
# Equinox 0.13.8: weights that are loaded bring the switches of the model that was saved: a BatchNorm that was
# frozen by `inference_mode` before trains its statistics again, and a Dropout takes over the other's rate.
#
# Expected: `tree_deserialise_leaves(path, like)` fills the arrays of `like`, as loading a checkpoint does in
# other libraries. Whether a layer is in inference mode is an option of the model that one has now, so that it
# makes no difference whether one freezes first or loads first.
#
# What happens: in Equinox `inference` of BatchNorm, Dropout and SpectralNorm is a leaf of the tree, and so is
# `p` of Dropout. `default_serialise_filter_spec` (_serialisation.py) writes booleans, ints and floats into
# the file along with the arrays, and its counterpart reads them back. `like` decides nothing but shapes and
# types: False is a boolean as True is. So a backbone that was saved in training thaws the one it is loaded
# into, and a whole model that was saved after its evaluation trains without Dropout and with fixed
# statistics from then on. The arrays are those of the file in every case.
#
# For a freeze: call `inference_mode` and set rates after loading; or save and load `eqx.filter(model,
# eqx.is_array)` alone, and combine it with the model that one has.

packages=(equinox==0.13.8 jaxtyping==0.3.11 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import io

import equinox as eqx
import jax
import jax.numpy as jnp

batch = 3 + jax.random.normal(jax.random.key(0), (64, 2))


class Net(eqx.Module):
    backbone: eqx.nn.Sequential
    drop: eqx.nn.Dropout
    head: eqx.nn.Linear

    def __init__(self, key, rate):
        first, second = jax.random.split(key)
        norm = eqx.nn.BatchNorm(2, "batch", mode="batch")
        self.backbone = eqx.nn.Sequential([eqx.nn.Linear(2, 2, key=first), norm])
        self.drop = eqx.nn.Dropout(rate)
        self.head = eqx.nn.Linear(2, 1, key=second)

    def __call__(self, x, state, key):
        x, state = self.backbone(x, state)
        return self.head(self.drop(x, key=key)), state


def make(seed, rate=0.5):
    return eqx.nn.make_with_state(Net)(jax.random.key(seed), rate)


def saved(tree):
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, tree)
    return io.BytesIO(file.getvalue())


def freeze(model):
    return eqx.tree_at(lambda net: net.backbone, model, eqx.nn.inference_mode(model.backbone))


def load(model, source):
    return eqx.tree_deserialise_leaves(saved(source), model)


def load_arrays(model, source):
    arrays, rest = eqx.partition(model, eqx.is_array)
    return eqx.combine(eqx.tree_deserialise_leaves(saved(eqx.filter(source, eqx.is_array)), arrays), rest)


def show(what, model, source, state):
    """What a forward pass in training does: to the statistics, and by Dropout."""
    keys = jax.random.split(jax.random.key(2), len(batch))
    out, after = jax.vmap(model, axis_name="batch", in_axes=(0, None, 0), out_axes=(0, None))(batch, state, keys)
    other, _ = jax.vmap(model, axis_name="batch", in_axes=(0, None, 0), out_axes=(0, None))(batch, state, keys[::-1])
    stay = all(bool((a == b).all()) for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(after)))
    loaded = bool(eqx.tree_equal(eqx.filter(model, eqx.is_array), eqx.filter(source, eqx.is_array)))
    print(f"{what:44}loaded: {loaded!s:6}statistics stay: {stay!s:6}"
          f"Dropout is on: {not bool((out == other).all())!s:6}rate: {model.drop.p}")


trained, _ = make(1)
model, state = make(3)
show("loaded, then frozen", freeze(load(model, trained)), trained, state)
show("frozen, then loaded", load(freeze(model), trained), trained, state)
show("frozen, then the arrays loaded", load_arrays(freeze(model), trained), trained, state)
evaluated = eqx.nn.inference_mode(trained)
show("saved in training", load(model, trained), trained, state)
show("saved in evaluation", load(model, evaluated), trained, state)
show("saved in evaluation, the arrays loaded", load_arrays(model, evaluated), trained, state)
show("saved with a rate of 0.5, loaded into 0.1", load(make(3, 0.1)[0], trained), trained, state)
show("the arrays loaded into 0.1", load_arrays(make(3, 0.1)[0], trained), trained, state)
PYTHON
)

expected=$(cat <<'TEXT'
loaded, then frozen                         loaded: True  statistics stay: True  Dropout is on: True  rate: 0.5
frozen, then loaded                         loaded: True  statistics stay: False Dropout is on: True  rate: 0.5
frozen, then the arrays loaded              loaded: True  statistics stay: True  Dropout is on: True  rate: 0.5
saved in training                           loaded: True  statistics stay: False Dropout is on: True  rate: 0.5
saved in evaluation                         loaded: True  statistics stay: True  Dropout is on: False rate: 0.5
saved in evaluation, the arrays loaded      loaded: True  statistics stay: False Dropout is on: True  rate: 0.5
saved with a rate of 0.5, loaded into 0.1   loaded: True  statistics stay: False Dropout is on: True  rate: 0.5
the arrays loaded into 0.1                  loaded: True  statistics stay: False Dropout is on: True  rate: 0.1
TEXT
)

. "$(dirname "$0")/judge.bash"
