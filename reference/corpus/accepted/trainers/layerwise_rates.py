"""Correct trainers that multiply or gather what an optimizer makes, layer by layer."""

import functools

import jax.numpy as jnp
import optax
from flax import nnx

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "frozen": ("base",),
    "optimizers": Optimizers("sgd", "adam", rates=(0.1,)),
    "promise": ("selected", "value", "isolated"),
}


class _Model(nnx.Module):
    def __init__(self, inputs, rngs):
        self.base = nnx.Linear(inputs, 4, rngs=rngs)
        self.mid = nnx.Linear(4, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.tanh(self.mid(nnx.tanh(self.base(x)))))


_trained = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("base")))


def _creating(wrap):
    wrap = functools.cache(wrap)

    def create(seed, batch, optimizer):
        model = _Model(batch.x.shape[1], nnx.Rngs(seed))
        return model, nnx.Optimizer(model, wrap(optimizer), wrt=_trained)

    return create


@nnx.jit
def _step(model, optimizer, batch):
    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _trained))(model)
    optimizer.update(model, grads)
    return value


def _decayed_by_depth(optimizer):
    factors = {"mid": 0.3, "head": 0.9}
    scales = {name: optax.scale(factor) for name, factor in factors.items()}
    return optax.chain(optimizer, optax.partition(scales, _layers))


def _layers(params):
    return nnx.State({name: name for name in params})


decayed_by_depth = accepted(NnxTrainer(_creating(_decayed_by_depth), _step, **_declared))


def _in_twos(optimizer):
    return optax.MultiSteps(optimizer, 2).gradient_transformation()


accumulated_in_twos = accepted(NnxTrainer(_creating(_in_twos), _step, **_declared))
