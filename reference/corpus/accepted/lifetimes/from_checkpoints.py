"""Correct trainers whose frozen leaves begin as those of a checkpoint."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_draw = np.random.default_rng(5)
_PRETRAINED = {
    "encoder": {"kernel": _draw.standard_normal((4, 4)), "bias": _draw.standard_normal(4)},
    "pooler": {"kernel": _draw.standard_normal((4, 2))},
}
_declared = {"optimizers": Optimizers("sgd", rates=(0.1,)), "promise": ("selected", "value")}


class _Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        hidden = nn.tanh(nn.Dense(4, name="stem")(x))
        return nn.Dense(1, name="head")(
            nn.Dense(4, name="encoder", param_dtype=jnp.bfloat16)(hidden)
        )


def _create(seed, batch, optimizer):
    """Put the encoder of the checkpoint, which is in double precision, into a half one."""
    params = _Net().init(jax.random.key(seed), batch.x)["params"]
    encoder = jax.tree.map(
        lambda given, leaf: jnp.asarray(given, leaf.dtype),
        _PRETRAINED["encoder"],
        params["encoder"],
    )
    labels = {"stem": "trained", "encoder": "frozen", "head": "trained"}
    tx = optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)
    return TrainState.create(apply_fn=_Net().apply, params={**params, "encoder": encoder}, tx=tx)


@jax.jit
def _step(state, batch):
    def loss(params):
        return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


encoder_of_a_checkpoint = accepted(
    LinenTrainer(_create, _step, frozen=("encoder",), initial=_PRETRAINED, **_declared)
)


class _Encoded(nnx.Module):
    def __init__(self, inputs, rngs):
        self.stem = nnx.Linear(inputs, 4, rngs=rngs)
        self.encoder = nnx.Linear(4, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(self.encoder(nnx.tanh(self.stem(x))))


_trained = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("encoder")))


def _create_module(seed, batch, optimizer):
    model = _Encoded(batch.x.shape[1], nnx.Rngs(seed))
    for name, leaf in _PRETRAINED["encoder"].items():
        getattr(model.encoder, name)[...] = jnp.asarray(leaf, jnp.float32)
    return model, nnx.Optimizer(model, optimizer, wrt=_trained)


@nnx.jit
def _step_module(model, optimizer, batch):
    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _trained))(model)
    optimizer.update(model, grads)
    return value


module_of_a_checkpoint = accepted(
    NnxTrainer(
        _create_module,
        _step_module,
        frozen=("encoder",),
        initial=lambda: _PRETRAINED,
        **_declared,
    )
)
