"""Correct trainers of other models, states and inputs: Linen with all it has, and plain JAX."""

import functools
from typing import Any, NamedTuple

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState
from hypothesis import strategies as st

from frostproof import LinenTrainer
from frostproof.strategies.optimizers import named

#: Few optimizers, since each is a compilation: nothing here depends on which it is.
FEW = named("sgd", "adamw", learning_rates=(0.1,))
EXACT = ("selected", "value", "inert", "isolated")


class Batch(NamedTuple):
    """What a strategy of batches draws."""

    x: Any
    y: Any


@functools.cache
def _partitioned(optimizer, frozen=("body",)):
    def labels(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if path[0].key in frozen else "trained", params
        )

    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.multi_transform(transforms, labels)


class Model(nn.Module):
    """Two layers, body and head."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1, name="head")(nn.relu(nn.Dense(4, name="body")(x)))


@functools.cache
def _init(model):
    return jax.jit(model.init)


def _create(model, wrap=_partitioned, state=TrainState, **fields):
    def create(seed, batch, optimizer):
        params = _init(model)(jax.random.key(seed), batch.x)["params"]
        own = {name: make(seed, params) for name, make in fields.items()}
        return state.create(apply_fn=model.apply, params=params, tx=wrap(optimizer), **own)

    return create


def _mse(prediction, y):
    return jnp.mean((prediction - y) ** 2)


@jax.jit
def _step(state, batch):
    def loss(params):
        return _mse(state.apply_fn({"params": params}, batch.x), batch.y)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


# Optimizers of their own.


def _own(optimizer):
    return _OWN


_OWN = _partitioned(optax.adam(1e-2))
optimizer_of_its_own = LinenTrainer(_create(Model(), _own), _step, frozen=("body",))


@functools.cache
def _every_second(optimizer):
    return optax.MultiSteps(_partitioned(optimizer), 2).gradient_transformation()


multi_steps = LinenTrainer(_create(Model(), _every_second), _step, frozen=("body",), optimizers=FEW)


@functools.cache
def _warmed_up(optimizer):
    rate = optax.scale_by_schedule(optax.linear_schedule(0.0, 1.0, 2))
    return _partitioned(optax.chain(optimizer, rate))


warm_up_from_zero = LinenTrainer(
    _create(Model(), _warmed_up), _step, frozen=("body",), optimizers=FEW
)


@functools.cache
def _clipped(optimizer):
    return _partitioned(optax.chain(optax.clip_by_global_norm(1.0), optimizer))


clipping_inside_the_partition = LinenTrainer(
    _create(Model(), _clipped), _step, frozen=("body",), optimizers=FEW, promise=EXACT
)


# States of their own.


class Split(flax.struct.PyTreeNode):
    """Trainable and frozen parameters apart: the optimizer never hears of the latter."""

    head: Any
    body: Any
    slots: Any
    count: Any
    tx: Any = flax.struct.field(pytree_node=False)

    @property
    def params(self):
        """All parameters, as one tree."""
        return {"body": self.body, "head": self.head}


def _create_split(seed, batch, optimizer):
    params = _init(Model())(jax.random.key(seed), batch.x)["params"]
    head = params["head"]
    return Split(head, params["body"], optimizer.init(head), jnp.zeros((), int), optimizer)


@jax.jit
def _step_split(state, batch):
    def loss(head):
        return _mse(Model().apply({"params": {"body": state.body, "head": head}}, batch.x), batch.y)

    value, grads = jax.value_and_grad(loss)(state.head)
    updates, slots = state.tx.update(grads, state.slots, state.head)
    head = optax.apply_updates(state.head, updates)
    return state.replace(head=head, slots=slots, count=state.count + 1), value


def _replaced(state, params):
    return state.replace(head=params["head"], body=params["body"])


split_params = LinenTrainer(
    _create_split,
    _step_split,
    frozen=("body",),
    with_params=_replaced,
    opt_state=lambda state: {"head": state.slots},
    optimizers=FEW,
)


_ADAM = optax.adam(1e-2)


def _tuple_create(seed, batch, optimizer):
    state = _create_split(seed, batch, _ADAM)
    return state.body, state.head, state.slots


def _tuple_step(state, batch):
    body, head, slots = state
    new, value = _step_split(Split(head, body, slots, jnp.zeros((), int), _ADAM), batch)
    return (new.body, new.head, new.slots), value


tuple_for_a_state = LinenTrainer(
    _tuple_create,
    _tuple_step,
    frozen=("backbone",),
    params=lambda state: {"backbone": state[0], "top": state[1]},
    with_params=lambda state, params: (params["backbone"], params["top"], state[2]),
    optimizers=FEW,
)


class Averaged(TrainState):
    """A state with a moving average of the parameters."""

    average: Any = None


@jax.jit
def _averaging(state, batch):
    new, value = _step(state, batch)
    # From the parameter and by their difference: equal numbers stay equal.
    average = jax.tree.map(lambda p, a: p + 0.9 * (a - p), new.params, state.average)
    return new.replace(average=average), value


average_of_the_parameters = LinenTrainer(
    _create(Model(), state=Averaged, average=lambda seed, params: jax.tree.map(jnp.copy, params)),
    _averaging,
    frozen=("body",),
    optimizers=FEW,
    promise=EXACT,
)


# Layers with statistics or noise.


class Normalised(nn.Module):
    """A frozen body with statistics, which are used as they are, and a head with its own."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.BatchNorm(use_running_average=True, name="norm")(nn.Dense(4, name="body")(x))
        x = nn.BatchNorm(use_running_average=False, name="moving")(nn.relu(x))
        return nn.Dense(1, name="head")(x)


class WithStatistics(TrainState):
    """A state with running means."""

    batch_stats: Any = None


def _create_normalised(seed, batch, optimizer):
    variables = _init(Normalised())(jax.random.key(seed), batch.x)
    tx = _partitioned(optimizer, ("body", "norm"))
    return WithStatistics.create(apply_fn=Normalised().apply, tx=tx, **variables)


@jax.jit
def _step_normalised(state, batch):
    def loss(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        y, moved = state.apply_fn(variables, batch.x, mutable=["batch_stats"])
        return _mse(y, batch.y), moved

    (value, moved), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads).replace(**moved), value


statistics_in_use = LinenTrainer(
    _create_normalised, _step_normalised, frozen=("body", "norm"), optimizers=FEW, promise=EXACT
)


class Dropping(nn.Module):
    """A model with Dropout."""

    @nn.compact
    def __call__(self, x, train=False):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, name="body")(x))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(1, name="head")(x)


class Keyed(TrainState):
    """A state with a random key."""

    key: Any = None


@jax.jit
def _step_dropping(state, batch):
    def loss(params):
        key = jax.random.fold_in(state.key, state.step)
        y = state.apply_fn({"params": params}, batch.x, train=True, rngs={"dropout": key})
        return _mse(y, batch.y)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


dropout = LinenTrainer(
    _create(Dropping(), state=Keyed, key=lambda seed, params: jax.random.key(seed)),
    _step_dropping,
    frozen=("body",),
    predict=jax.jit(lambda state, x: state.apply_fn({"params": state.params}, x)),
    loss="mse",
    optimizers=FEW,
)


# Inputs of their own.


class Words(nn.Module):
    """An embedding of tokens, and a head over their mean."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1, name="head")(nn.Embed(5, 4, name="body")(x).mean(axis=1))


_fills = st.integers(0, 99).map(np.random.default_rng)
_tokens = _fills.map(
    lambda rng: Batch(rng.integers(0, 5, (3, 4), np.int32), rng.standard_normal((3, 1), np.float32))
)
tokens = LinenTrainer(_create(Words()), _step, frozen=("body",), batches=_tokens, optimizers=FEW)


class TwoInputs(nn.Module):
    """An image and a few numbers, each with a layer of its own."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        left = nn.Dense(4, name="body")(x["image"])
        right = nn.Dense(4, name="side")(x["numbers"])
        return nn.Dense(1, name="head")(jnp.tanh(left + right))


_pairs = _fills.map(
    lambda rng: Batch(
        {
            "image": rng.standard_normal((3, 6), np.float32),
            "numbers": rng.standard_normal((3, 2), np.float32),
        },
        rng.standard_normal((3, 1), np.float32),
    )
)
several_inputs = LinenTrainer(
    _create(TwoInputs()), _step, frozen=("body",), batches=_pairs, optimizers=FEW
)
