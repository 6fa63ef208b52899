"""A correct Linen trainer in parts, so that a specimen shows only the part which is wrong."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import LinenTrainer

BODY = ("body",)


class Layers(nn.Module):
    """Dense layers by their names, of four units each and of one at the end, relu between them."""

    names: tuple[str, ...] = ("body", "head")
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        for name in self.names[:-1]:
            x = nn.relu(nn.Dense(4, name=name, param_dtype=self.param_dtype)(x))
        return nn.Dense(1, name=self.names[-1], param_dtype=self.param_dtype)(x)


def mse(prediction, y):
    """Return the mean over all rows and columns."""
    return jnp.mean((prediction - y) ** 2)


def keys(path):
    """Return the keys of a path."""
    return tuple(entry.key for entry in path)


def within(frozen):
    """Tell by its path whether a leaf is under one of these layers."""
    return lambda path: path[0].key in frozen


def where(selected, change, tree, *rest):
    """Change the leaves whose path is selected."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf, *others: change(leaf, *others) if selected(path) else leaf, tree, *rest
    )


def zeroing(selected):
    """Return a change of gradients: those which are selected become zero."""
    return lambda gradients: where(selected, jnp.zeros_like, gradients)


@functools.cache  # a compiled step is compiled again for every optimizer object
def partitioned(optimizer, selected):
    """Freeze the selected leaves by `set_to_zero`, the correct way."""

    def labels(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if selected(path) else "trained", params
        )

    return optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


@functools.cache
def _init(model):
    return jax.jit(model.init)


def creating(model, freeze=lambda optimizer: optimizer, state=TrainState, **fields):
    """Return a `create` for this model; `freeze` wraps the optimizer that is handed over."""

    def create(seed, batch, optimizer):
        params = _init(model)(jax.random.key(seed), batch.x[:1])["params"]
        own = {name: field(params) for name, field in fields.items()}
        tx = freeze(optimizer)
        return state.create(apply_fn=model.apply, params=params, tx=tx, **own)

    return create


def stepping(
    gradients=lambda gradients: gradients,
    loss=mse,
    after=lambda old, new: new,
    report=lambda loss, of, old, new: loss,
):
    """Return a compiled `train_step`, in which gradients, loss, what is done afterwards to the new
    state, or what is reported can be another.
    """

    @jax.jit
    def train_step(state, batch):
        def of(params):
            return loss(state.apply_fn({"params": params}, batch.x), batch.y)

        value, grads = jax.value_and_grad(of)(state.params)
        new = after(state, state.apply_gradients(grads=gradients(grads)))
        return new, report(value, of, state.params, new.params)

    return train_step


def descending(loss):
    """Return a compiled `train_step` down a loss of parameters, a function and a batch."""

    @jax.jit
    def train_step(state, batch):
        value, gradients = jax.value_and_grad(loss)(state.params, state.apply_fn, batch)
        return state.apply_gradients(grads=gradients), value

    return train_step


@jax.jit
def predict(state, x):
    """Predict with the parameters of a state."""
    return state.apply_fn({"params": state.params}, x)


def trainer(frozen=BODY, model=None, create=None, step=None, **declared):
    """Return a trainer that freezes these layers in the optimizer, but for the parts given here."""
    model, selected = model or Layers(), within(frozen)
    freeze = functools.partial(partitioned, selected=selected)
    create = create or creating(model, freeze)
    return LinenTrainer(create, step or stepping(), frozen=frozen, **declared)


def masking(selected, frozen=BODY, model=None, **declared):
    """Return a trainer that freezes by zeroing the selected gradients instead, before any
    optimizer.
    """
    create = creating(model or Layers())
    return trainer(frozen, None, create, stepping(zeroing(selected)), **declared)
