#!/usr/bin/env bash
# Flax 0.12.8: `nnx.state(model)` kept from before the training equals the one after it, so a test that compares
# the two finds every layer frozen; and a teacher made by `nnx.merge(*nnx.split(student))` is trained.
#
# Expected: `state` and `split` turn a model into a pytree of values, as its parameters are in Linen, and
# `merge` makes a new model of them. What is taken before the first step is what the weights were then.
#
# What happens: the leaves of an `nnx.State` are the model's own Variables, not copies (since pull request
# 4800 of google/flax), and `merge` puts those same Variables into the new module, since its `copy` is False
# by default (`nnx/graphlib.py`). `Optimizer.update` writes into them, and whoever holds them sees it, with
# `nnx.jit`, too. A function of `jax.tree` that rebuilds the tree makes new Variables, so that
# `jax.tree.map(lambda x: x, state)`, which looks as if it did nothing, ends the bond.
#
# For a freeze: the obvious test of it, before against after, cannot fail. Keep a clone of the model, or
# `nnx.as_pure(nnx.state(model))`, which holds arrays; and prove such a test by a layer that trains.

packages=(flax==0.12.8 optax==0.2.8 orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax import nnx


@nnx.jit
def train(model, optimizer):
    grads = nnx.grad(lambda model: jnp.sum((model(jnp.ones((1, 2))) - 3) ** 2))(model)
    optimizer.update(model, grads)


def is_as_before(keep):
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    before = keep(model)
    optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    train(model, optimizer)
    after = nnx.state(model)
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return all(bool((old == new).all()) for old, new in pairs)


ways = {
    "nnx.state(model)": nnx.state,
    "nnx.split(model)[1]": lambda model: nnx.split(model)[1],
    "nnx.state(nnx.merge(*nnx.split(model)))": lambda model: nnx.state(nnx.merge(*nnx.split(model))),
    "nnx.state(nnx.clone(model))": lambda model: nnx.state(nnx.clone(model)),
    "nnx.as_pure(nnx.state(model))": lambda model: nnx.as_pure(nnx.state(model)),
    "jax.tree.map(lambda x: x, nnx.state(model))": lambda model: jax.tree.map(lambda x: x, nnx.state(model)),
}
for name, keep in ways.items():
    print(f"{name}: after a step of training as before: {is_as_before(keep)}")
PYTHON
)

expected=$(cat <<'TEXT'
nnx.state(model): after a step of training as before: True
nnx.split(model)[1]: after a step of training as before: True
nnx.state(nnx.merge(*nnx.split(model))): after a step of training as before: True
nnx.state(nnx.clone(model)): after a step of training as before: False
nnx.as_pure(nnx.state(model)): after a step of training as before: False
jax.tree.map(lambda x: x, nnx.state(model)): after a step of training as before: False
TEXT
)

. "$(dirname "$0")/judge.bash"
