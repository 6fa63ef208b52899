#!/usr/bin/env bash
# Flax 0.12.8: an NNX Variable that refuses to be set, by `on_set_value` or by a class with a `set_value`
# of its own, refuses what one writes by hand, and is trained by every optimizer.
#
# Expected: all writes of a Variable go through `set_value`. A hook sees them, and since hooks are
# deprecated, Flax's warning says how else: "Create your own Variable type and overload `get_value` and
# `set_value`".
#
# What happens: `nnx.Optimizer.update` ends in `nnx.update`, which puts the new array in its place by
# `Variable.set_raw_value` and a new Variable's content by `Variable.update_from_state` (nnx/graphlib.py,
# `_graph_update_dynamic`). Both call nothing. Transformations such as `nnx.jit` take the same way when
# they hand on what changed inside, and so does a checkpoint that is loaded. Only assignments meet the
# refusal. `get_value` is passed by, too: `nnx.as_pure` takes raw values, so that an optimizer sees what no
# layer does.
#
# For a freeze: a test that writes zeros and finds the weights unchanged proves the wrong thing. It is the
# same with a class that rounds, clips or projects on setting. Freeze by the filter, `wrt=`, and by a type,
# as `class Frozen(nnx.Variable)`; clip the updates by Optax, or `get_value`'s result in the layer.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import warnings

import jax
import jax.numpy as jnp
import optax
from flax import nnx

warnings.simplefilter("ignore")  # hooks are deprecated
inputs = jnp.ones((8, 3))


class Kept(nnx.Param):
    def set_value(self, value, **options):
        pass


class Positive(nnx.Param):
    def set_value(self, value, **options):
        super().set_value(jnp.maximum(value, 0), **options)


def hooked(value):
    return nnx.Param(value, on_set_value=lambda variable, new: variable.get_value())


def loss(model):
    return jnp.mean((model(inputs) + 5) ** 2)


def train(model):
    optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    for _ in range(3):
        optimizer.update(model, nnx.grad(loss)(model))


def assign(model):
    model.kernel[...] = -model.kernel[...]


def set_value(model):
    model.kernel.set_value(-model.kernel[...])


def load(model):
    nnx.update(model, jax.tree.map(jnp.negative, nnx.state(model)))


ways = {
    "assignment": assign,
    "set_value": set_value,
    "assignment in nnx.jit": nnx.jit(assign),
    "nnx.update": load,
    "nnx.Optimizer": train,
    "nnx.Optimizer in nnx.jit": nnx.jit(train),
}
for kind in (nnx.Param, hooked, Kept, Positive):
    print(kind.__name__)
    for way, write in ways.items():
        model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
        model.kernel = kind(jnp.ones((3, 1)))
        write(model)
        kernel = model.kernel[...]
        became = "kept" if jnp.all(kernel == 1) else "negative" if jnp.any(kernel < 0) else "clipped"
        print(f"  {way:26}{became}")
PYTHON
)

expected=$(cat <<'TEXT'
Param
  assignment                negative
  set_value                 negative
  assignment in nnx.jit     negative
  nnx.update                negative
  nnx.Optimizer             negative
  nnx.Optimizer in nnx.jit  negative
hooked
  assignment                kept
  set_value                 kept
  assignment in nnx.jit     kept
  nnx.update                negative
  nnx.Optimizer             negative
  nnx.Optimizer in nnx.jit  negative
Kept
  assignment                kept
  set_value                 kept
  assignment in nnx.jit     kept
  nnx.update                negative
  nnx.Optimizer             negative
  nnx.Optimizer in nnx.jit  negative
Positive
  assignment                clipped
  set_value                 clipped
  assignment in nnx.jit     clipped
  nnx.update                negative
  nnx.Optimizer             negative
  nnx.Optimizer in nnx.jit  negative
TEXT
)

. "$(dirname "$0")/judge.bash"
