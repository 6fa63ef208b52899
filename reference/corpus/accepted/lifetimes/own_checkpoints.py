"""Correct trainers that save and restore themselves, all that they need and in their own form."""

import pathlib
import pickle

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx, serialization
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

_declared = {
    "optimizers": Optimizers("sgd", "momentum", rates=(0.1,)),
    "promise": ("selected", "value"),
}


def _forward(params, x):
    return jnp.tanh(x @ params["base"]) @ params["head"]


def _create(seed, batch, optimizer):
    base, head = jax.random.split(jax.random.key(seed))
    shapes = {"base": (batch.x.shape[1], 4), "head": (4, 1)}
    params = {
        "base": jax.random.normal(base, shapes["base"]),
        "head": jax.random.normal(head, shapes["head"]),
    }
    return TrainState.create(apply_fn=_forward, params=params, tx=optimizer)


@jax.jit
def _step(state, batch):
    def loss(head):
        params = {"base": state.params["base"], "head": head}
        return jnp.mean((_forward(params, batch.x) - batch.y) ** 2)

    value, grad = jax.value_and_grad(loss)(state.params["head"])
    grads = {"base": jnp.zeros_like(state.params["base"]), "head": grad}
    return state.apply_gradients(grads=grads), value


def _save(state, folder):
    (pathlib.Path(folder) / "state.msgpack").write_bytes(serialization.to_bytes(state))


def _load(state, folder):
    return serialization.from_bytes(state, (pathlib.Path(folder) / "state.msgpack").read_bytes())


state_as_msgpack = accepted(
    LinenTrainer(_create, _step, frozen=("base",), save=_save, load=_load, **_declared)
)


def _save_what_trains(state, folder):
    """Save no base: a training that begins anew has the same one."""
    part = state.replace(params={"head": state.params["head"]})
    (pathlib.Path(folder) / "head.msgpack").write_bytes(serialization.to_bytes(part))


def _load_what_trains(state, folder):
    part = state.replace(params={"head": state.params["head"]})
    read = (pathlib.Path(folder) / "head.msgpack").read_bytes()
    read = serialization.from_bytes(part, read)
    return read.replace(params=state.params | read.params)


head_saved_alone = accepted(
    LinenTrainer(
        _create,
        _step,
        frozen=("base",),
        save=_save_what_trains,
        load=_load_what_trains,
        **_declared,
    )
)


class _Noisy(nnx.Module):
    def __init__(self, inputs, rngs):
        self.base = nnx.Linear(inputs, 4, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        hidden = nnx.tanh(self.base(x))
        self.sow(nnx.Intermediate, "hidden", hidden)
        return self.head(self.dropout(hidden))


_trained = nnx.All(nnx.Param, nnx.PathContains("head"))
_saved = nnx.Not(nnx.Intermediate)


def _create_noisy(seed, batch, optimizer):
    model = _Noisy(batch.x.shape[1], nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=_trained)


@nnx.jit
def _step_noisy(model, optimizer, batch):
    def loss(model):
        return jnp.mean((model(batch.x) - batch.y) ** 2)

    value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, _trained))(model)
    optimizer.update(model, grads)
    nnx.pop(model, nnx.Intermediate)
    return value


def _save_noisy(model, optimizer, folder):
    """Save numbers and keys, and nothing that a forward pass leaves behind."""

    def plain(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    leaves = jax.tree.leaves(nnx.state((model, optimizer), _saved))
    (pathlib.Path(folder) / "leaves").write_bytes(pickle.dumps([*map(plain, leaves)]))


def _load_noisy(model, optimizer, folder):
    leaves, form = jax.tree.flatten(nnx.state((model, optimizer), _saved))

    def alike(leaf, read):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return jax.random.wrap_key_data(read) if is_key else jnp.asarray(read, leaf.dtype)

    read = pickle.loads((pathlib.Path(folder) / "leaves").read_bytes())
    state = jax.tree.unflatten(form, [*map(alike, leaves, read)])
    nnx.update((model, optimizer), state)


module_with_its_noise = accepted(
    NnxTrainer(
        _create_noisy,
        _step_noisy,
        frozen=("base",),
        save=_save_noisy,
        load=_load_noisy,
        **_declared,
    )
)
