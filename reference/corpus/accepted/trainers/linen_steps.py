"""Correct trainers with Flax Linen: techniques of freezing, and models of every kind."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.core import freeze
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import accepted

#: Few optimizers, since each is a compilation: nothing here depends on which it is.
FEW = Optimizers("sgd", "adamw", rates=(0.1,))
STILL = Optimizers("sgd", "adam", rates=(0.1,))
EXACT = ("selected", "value", "inert", "isolated")


class Model(nn.Module):
    """Two layers, body and head."""

    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, use_bias=self.use_bias, dtype=self.dtype, name="body")(x))
        return nn.Dense(1, use_bias=self.use_bias, dtype=self.dtype, name="head")(x)


@functools.cache
def _partitioned(optimizer, frozen=("body",)):
    def labels(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if path[0].key in frozen else "trained", params
        )

    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.multi_transform(transforms, labels)


@functools.cache
def _init(model):
    return jax.jit(model.init)


def _create(model=None, wrap=_partitioned):
    model = model or Model()

    def create(seed, batch, optimizer):
        params = _init(model)(jax.random.key(seed), batch.x[:1])["params"]
        return TrainState.create(apply_fn=model.apply, params=params, tx=wrap(optimizer))

    return create


def _mse(state, params, batch):
    return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)


def _plain(state, batch):
    loss, grads = jax.value_and_grad(functools.partial(_mse, state))(state.params, batch)
    return state.apply_gradients(grads=grads), loss


@jax.jit
def _predict(state, x):
    return state.apply_fn({"params": state.params}, x)


_step = jax.jit(_plain)
_plainly = {"frozen": ("body",), "optimizers": FEW}
_judged = {**_plainly, "predict": _predict, "loss": "mse"}


@jax.jit
def _reporting_an_array(state, batch):
    new, loss = _plain(state, batch)
    return new, loss[None]


loss_of_one_element = accepted(LinenTrainer(_create(), _reporting_an_array, **_judged))


# Techniques.

multi_transform = accepted(LinenTrainer(_create(), _step, promise=EXACT, **_judged))


@functools.cache
def _frozen_last(optimizer):
    def mask(params):
        return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key == "body", params)

    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))


masked_set_to_zero = accepted(LinenTrainer(_create(wrap=_frozen_last), _step, **_plainly))


@functools.cache
def _selective(optimizer):
    mask = {
        layer: {"kernel": layer == "body", "bias": layer == "body"} for layer in ("body", "head")
    }
    return optax.selective_transform(optimizer, freeze_mask=mask)


selective_transform = accepted(
    LinenTrainer(_create(wrap=_selective), _step, promise=EXACT, **_plainly)
)


def _as_it_is(optimizer):
    return optimizer


@jax.jit
def _stopping(state, batch):
    def loss(params):
        stopped = {**params, "body": jax.lax.stop_gradient(params["body"])}
        return _mse(state, stopped, batch)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


stop_gradient_on_params = accepted(
    LinenTrainer(_create(wrap=_as_it_is), _stopping, frozen=("body",), optimizers=STILL)
)


@jax.jit
def _restoring(state, batch):
    new, loss = _plain(state, batch)
    return new.replace(params={**new.params, "body": state.params["body"]}), loss


restored_after_the_update = accepted(LinenTrainer(_create(wrap=_as_it_is), _restoring, **_plainly))


@jax.jit
def _by_where(state, batch):
    loss, grads = jax.value_and_grad(functools.partial(_mse, state))(state.params, batch)
    grads = jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.where(path[0].key == "body", 0, g), grads
    )
    return state.apply_gradients(grads=grads), loss


gradients_replaced_by_where = accepted(
    LinenTrainer(_create(wrap=_as_it_is), _by_where, frozen=("body",), optimizers=STILL)
)


predicate = accepted(
    LinenTrainer(_create(), _step, frozen=lambda path: path[0] == "body", optimizers=FEW)
)


# How the step is run.

donated_state = accepted(LinenTrainer(_create(), jax.jit(_plain, donate_argnums=0), **_plainly))


@jax.jit
def _scanned(state, batch):
    stacked = jax.tree.map(lambda array: array[None], batch)
    state, losses = jax.lax.scan(_plain, state, stacked)
    return state, losses[0]


scan_in_the_step = accepted(LinenTrainer(_create(), _scanned, **_judged))


@jax.jit
def _accumulating(state, batch):
    def row(total, each):
        pair = jax.tree.map(lambda array: array[None], each)
        new = jax.value_and_grad(functools.partial(_mse, state))(state.params, pair)
        return jax.tree.map(jnp.add, total, new), None

    zeros = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, state.params))
    (loss, grads), _ = jax.lax.scan(row, zeros, batch)
    loss, grads = jax.tree.map(lambda total: total / len(batch.y), (loss, grads))
    return state.apply_gradients(grads=grads), loss


gradients_accumulated_by_row = accepted(LinenTrainer(_create(), _accumulating, **_judged))


def _python_float(state, batch):
    state, loss = _step(state, batch)
    return state, float(loss)


loss_as_a_python_float = accepted(LinenTrainer(_create(), _python_float, **_judged))


def _numpy_float(state, batch):
    state, loss = _step(state, batch)
    return state, np.float64(loss)


loss_as_a_numpy_float = accepted(LinenTrainer(_create(), _numpy_float, **_judged))


@jax.jit
def _with_auxiliary(state, batch):
    def loss(params):
        residuals = state.apply_fn({"params": params}, batch.x) - batch.y
        return jnp.vdot(residuals, residuals) / residuals.size, residuals

    (value, _), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads), value


loss_with_auxiliary = accepted(LinenTrainer(_create(), _with_auxiliary, **_judged))


@jax.jit
def _huber(state, batch):
    def loss(params):
        return optax.huber_loss(state.apply_fn({"params": params}, batch.x), batch.y).mean()

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


def _huber_in_numpy(prediction, y):
    size = np.abs(prediction - y)
    return np.mean(np.where(size <= 1, 0.5 * size**2, size - 0.5))


loss_of_its_own = accepted(
    LinenTrainer(
        _create(), _huber, frozen=("body",), predict=_predict, loss=_huber_in_numpy, optimizers=FEW
    )
)


# Which leaves there are.

no_bias = accepted(LinenTrainer(_create(Model(use_bias=False)), _step, **_plainly))

bfloat16_inside = accepted(LinenTrainer(_create(Model(dtype=jnp.bfloat16)), _step, **_judged))

nothing_frozen = accepted(LinenTrainer(_create(wrap=_as_it_is), _step, frozen=(), optimizers=FEW))


@functools.cache
def _nothing_trained(optimizer):
    return _partitioned(optimizer, ("body", "head"))


everything_frozen = accepted(
    LinenTrainer(
        _create(wrap=_nothing_trained),
        _step,
        frozen=("body", "head"),
        promise=EXACT[1:],
        optimizers=FEW,
    )
)

one_leaf_that_trains = accepted(
    LinenTrainer(_create(nn.Dense(1, use_bias=False), _as_it_is), _step, frozen=(), optimizers=FEW)
)


@functools.cache
def _all_to_zero(optimizer):
    return optax.chain(optimizer, optax.set_to_zero())


one_leaf_that_is_frozen = accepted(
    LinenTrainer(
        _create(nn.Dense(1, use_bias=False), _all_to_zero),
        _step,
        frozen=("kernel",),
        optimizers=FEW,
        promise=("value",),  # no leaf is left that could train
    )
)


def _frozen_dict(seed, batch, optimizer):
    state = _create()(seed, batch, optimizer)
    params = freeze(state.params)
    return state.replace(params=params, opt_state=state.tx.init(params))


frozen_dict_of_params = accepted(LinenTrainer(_frozen_dict, _step, **_plainly))
