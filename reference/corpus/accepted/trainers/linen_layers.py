"""Correct trainers of Linen models with statistics, noise, or their own inputs."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState
from hypothesis import strategies as st

from frostproof import LinenTrainer
from frostproof.reference.corpus.accepted.trainers.linen_states import (
    EXACT,
    FEW,
    Model,
    create_for,
    init_of,
    mse,
    partitioned,
    step,
)
from frostproof.reference.corpus.register import accepted


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
    variables = init_of(Normalised())(jax.random.key(seed), batch.x[:1])
    tx = partitioned(optimizer, ("body", "norm"))
    return WithStatistics.create(apply_fn=Normalised().apply, tx=tx, **variables)


@jax.jit
def _step_normalised(state, batch):
    def loss(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        y, moved = state.apply_fn(variables, batch.x, mutable=["batch_stats"])
        return mse(y, batch.y), moved

    (value, moved), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads).replace(**moved), value


statistics_in_use = accepted(
    LinenTrainer(
        _create_normalised, _step_normalised, frozen=("body", "norm"), optimizers=FEW, promise=EXACT
    )
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


def _dropping(key_of, **created):
    """Return a trainer whose step drops by the key of a state, which its `predict` does not."""

    @jax.jit
    def step(state, batch):
        def loss(params):
            key = jax.random.fold_in(key_of(state), state.step)
            y = state.apply_fn({"params": params}, batch.x, train=True, rngs={"dropout": key})
            return mse(y, batch.y)

        value, grads = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=grads), value

    return LinenTrainer(
        create_for(Dropping(), **created),
        step,
        frozen=("body",),
        predict=jax.jit(lambda state, x: state.apply_fn({"params": state.params}, x)),
        loss="mse",
        optimizers=FEW,
    )


dropout = accepted(
    _dropping(lambda state: state.key, state=Keyed, key=lambda seed, params: jax.random.key(seed))
)
# No key is found in its state: it is made of the number of the step.
dropout_by_the_step = accepted(_dropping(lambda state: jax.random.key(0)))


# A layer that is never used, and that a decay moves.


class _Spare(nn.Module):
    """Two layers that predict, and a second head, which waits for another task."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(4, name="body")(x))
        nn.Dense(2, name="spare")(x)
        return nn.Dense(1, name="head")(x)


_OWN = partitioned(optax.adamw(0.01, weight_decay=0.01))
unused_layer_under_adamw = accepted(
    LinenTrainer(create_for(_Spare(), lambda optimizer: _OWN), step, frozen=("body",))
)


@jax.jit
def penalised_step(state, batch):
    """Take a step down a loss with a penalty on all weights."""

    def loss(params):
        penalty = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))
        return mse(state.apply_fn({"params": params}, batch.x), batch.y) + 0.01 * penalty

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


unused_layer_under_a_penalty = accepted(
    LinenTrainer(create_for(_Spare()), penalised_step, frozen=("body",), optimizers=FEW)
)


# Their own inputs.


class Batch(NamedTuple):
    """What a strategy of batches draws."""

    x: Any
    y: Any


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
tokens = accepted(
    LinenTrainer(create_for(Words()), step, frozen=("body",), batches=_tokens, optimizers=FEW)
)


class TwoInputs(nn.Module):
    """An image and a few numbers, each with its own layer."""

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
several_inputs = accepted(
    LinenTrainer(create_for(TwoInputs()), step, frozen=("body",), batches=_pairs, optimizers=FEW)
)

_huge = _fills.map(
    lambda rng: Batch(
        np.float32(1e25) * rng.standard_normal((3, 2), np.float32),
        rng.standard_normal((3, 1), np.float32),
    )
)
#: Squares overflow float32: its loss is inf, and its gradients are from the first step.
inputs_that_overflow = accepted(
    LinenTrainer(
        create_for(Model()),
        step,
        frozen=("body",),
        batches=_huge,
        predict=jax.jit(lambda state, x: state.apply_fn({"params": state.params}, x)),
        loss="mse",
        optimizers=FEW,
        promise=EXACT,
    )
)
