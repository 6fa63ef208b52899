#!/usr/bin/env bash
# Flax 0.12.8 and Optax 0.2.8: Optax on an NNX module itself, which is a pytree, trains all of its arrays:
# a BatchNorm in evaluation gets other running means by gradient, and fixed tables train.
#
# Expected: what trains in NNX are its Params. `nnx.grad` differentiates these alone, without being asked,
# and running means, caches and plain arrays are something else; a BatchNorm with
# `use_running_average=True` keeps its statistics, which is how one freezes them.
#
# What happens: since modules are pytrees, `optimizer.init(model)`, `jax.grad(loss)(model)` and
# `optax.apply_updates` take one as it is, and the loop of Optax's own examples runs. JAX knows no type of
# Variable: each array is a leaf. In evaluation the running mean and variance are inputs of the layer like
# its scale, so they have gradients. A weight decay takes hold even of what nothing uses. In training mode
# the statistics have no gradient, and what the layer writes is lost, so that they stay as they began. Only
# integers end it, by a TypeError: a Dropout.
#
# For a freeze: "all but the backbone" is a mask over Params, and forgets the rest. `nnx.Optimizer(…,
# wrt=nnx.Param)` asks for a type; without it, divide the module by `nnx.split(model, nnx.Param, ...)`
# first, and give Optax the Params. In a mask over the module, a statistic has the path `.norm.mean.value`.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax import nnx

inputs = jax.random.normal(jax.random.key(0), (64, 3)) + 2
targets = jnp.sum(inputs, axis=1, keepdims=True)


class Model(nnx.Module):
    def __init__(self, evaluation=True):
        rngs = nnx.Rngs(0)
        self.body = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=evaluation, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)
        self.table = jnp.ones(4)
        self.unused = nnx.Cache(jnp.ones(4))

    def __call__(self, x):
        return self.head(self.norm(self.body(x)) + self.table)


def loss(model):
    return jnp.mean((model(inputs) - targets) ** 2)


def look(model):
    return {
        "body": model.body.kernel[...],
        "head": model.head.kernel[...],
        "mean": model.norm.mean[...],
        "variance": model.norm.var[...],
        "table": model.table,
        "unused": model.unused[...],
    }


def of_module(model, optimizer):
    state = optimizer.init(model)
    for _ in range(20):
        updates, state = optimizer.update(jax.grad(loss)(model), state, model)
        model = optax.apply_updates(model, updates)
    return model


def of_params(model, optimizer):
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    state = optimizer.init(params)
    for _ in range(20):
        grads = jax.grad(lambda params: loss(nnx.merge(graph, params, rest)))(params)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return nnx.merge(graph, params, rest)


def by_nnx(model, optimizer):
    optimizer = nnx.Optimizer(model, optimizer, wrt=nnx.Param)
    for _ in range(20):
        optimizer.update(model, nnx.grad(loss)(model))
    return model


def but_the_body(model):
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "frozen" if ".body" in jax.tree_util.keystr(path) else "trained", model
    )


def show(what, train, optimizer, **how):
    model = Model(**how)
    before = look(model)
    moved = [name for name, now in look(train(model, optimizer)).items() if jnp.any(now != before[name])]
    print(f"{what:31}{', '.join(moved)}")


adam = optax.adam(0.01)
frozen = optax.multi_transform({"trained": adam, "frozen": optax.set_to_zero()}, but_the_body)
show("nnx.Optimizer", by_nnx, adam)
show("Optax on the Params", of_params, adam)
show("Optax on the module", of_module, adam)
show("the same, adamw", of_module, optax.adamw(0.01))
show("the same, body frozen", of_module, frozen)
show("nnx.Optimizer, training mode", by_nnx, adam, evaluation=False)
show("Optax on it, training mode", of_module, adam, evaluation=False)
PYTHON
)

expected=$(cat <<'TEXT'
nnx.Optimizer                  body, head
Optax on the Params            body, head
Optax on the module            body, head, mean, variance, table
the same, adamw                body, head, mean, variance, table, unused
the same, body frozen          head, mean, variance, table
nnx.Optimizer, training mode   body, head, mean, variance
Optax on it, training mode     body, head, table
TEXT
)

. "$(dirname "$0")/judge.bash"
