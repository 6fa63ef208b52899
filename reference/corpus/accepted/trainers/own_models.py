"""Correct trainers of models with their own inputs, targets, losses and parameters."""

import functools
from typing import Any, NamedTuple

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from flax.training.train_state import TrainState
from hypothesis import strategies as st

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.accepted.trainers.linen_states import create_for, partitioned
from frostproof.reference.corpus.register import accepted

FEW = Optimizers("sgd", "adamw", rates=(0.1,))


class Batch(NamedTuple):
    """What a strategy of batches draws."""

    x: Any
    y: Any


def drawn(make):
    """Return a strategy of batches that are made of a random generator."""
    return st.integers(0, 99).map(lambda fill: Batch(*make(np.random.default_rng(fill))))


# Images, and classes for targets.


class Images(nn.Module):
    """A convolution, and the logits of three classes."""

    @nn.compact
    def __call__(self, x):
        """Predict logits."""
        x = nn.relu(nn.Conv(2, (3, 3), name="body")(x))
        return nn.Dense(3, name="head")(x.reshape(len(x), -1))


def stepping(loss):
    """Return a step that trains by a loss of prediction and targets."""

    @jax.jit
    def step(state, batch):
        def of(params):
            return loss(state.apply_fn({"params": params}, batch.x), batch.y)

        value, grads = jax.value_and_grad(of)(state.params)
        return state.apply_gradients(grads=grads), value

    return step


@jax.jit
def predict(state, x):
    """Predict by the parameters of a state."""
    return state.apply_fn({"params": state.params}, x)


def cross_entropy(logits, y):
    """Return the mean cross entropy, in JAX."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def cross_entropy_in_numpy(logits, y):
    """Return the same in NumPy."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y])


pictures = drawn(lambda rng: (rng.random((2, 4, 4, 1), np.float32), rng.integers(0, 3, 2)))
images = accepted(
    LinenTrainer(
        create_for(Images()),
        stepping(cross_entropy),
        frozen=("body",),
        batches=pictures,
        predict=predict,
        loss=cross_entropy_in_numpy,
        optimizers=FEW,
    )
)


# Tokens, and a mask beside them.


class Sentences(nnx.Module):
    """Embeddings of the tokens that are not padding, their mean, and a head."""

    def __init__(self, inputs, *, rngs):
        """Make the layers; the width of the input is that of a sentence, and of no layer."""
        self.l1 = nnx.Embed(5, 4, rngs=rngs)
        self.l2 = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        kept = x["kept"][..., None]
        return self.l2((self.l1(x["tokens"]) * kept).sum(axis=1) / kept.sum(axis=1))


def sentences(rng):
    """Make three sentences of four words; the first word is not padding."""
    kept = np.float32(rng.random((3, 4)) < 0.7)
    kept[:, 0] = 1
    return {"tokens": rng.integers(0, 5, (3, 4)), "kept": kept}, rng.random((3, 1), np.float32)


heads = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("l1")))


def sentence_trainer(wrt, **declared):
    """Return a trainer of sentences by what a filter selects."""

    def create(seed, batch, optimizer):
        model = Sentences(4, rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=wrt)

    @nnx.jit
    def step(model, optimizer, batch):
        def mse(model):
            return jnp.mean((model(batch.x) - batch.y) ** 2)

        loss, grads = nnx.value_and_grad(mse, argnums=nnx.DiffState(0, wrt))(model)
        optimizer.update(model, grads)
        return loss

    return NnxTrainer(create, step, frozen=("l1",), batches=drawn(sentences), **declared)


tokens_and_mask = accepted(
    sentence_trainer(heads, predict=nnx.jit(lambda model, x: model(x)), loss="mse", optimizers=FEW)
)


# Several predictions and targets.


class TwoHeads(nn.Module):
    """A body, a number and two logits."""

    @nn.compact
    def __call__(self, x):
        """Predict both."""
        x = nn.tanh(nn.Dense(4, name="body")(x))
        return {"number": nn.Dense(1, name="number")(x), "logits": nn.Dense(2, name="class")(x)}


def both(prediction, y):
    """Return the sum of both losses, in JAX."""
    squares = jnp.mean((prediction["number"] - y["number"]) ** 2)
    return squares + cross_entropy(prediction["logits"], y["label"])


def both_in_numpy(prediction, y):
    """Return the same in NumPy."""
    squares = np.mean((prediction["number"] - y["number"]) ** 2)
    return squares + cross_entropy_in_numpy(prediction["logits"], y["label"])


def labelled(rng):
    """Make rows with a number and a class each."""
    targets = {"number": rng.random((3, 1), np.float32), "label": rng.integers(0, 2, 3)}
    return rng.standard_normal((3, 2), np.float32), targets


several_targets = accepted(
    LinenTrainer(
        create_for(TwoHeads()),
        stepping(both),
        frozen=("body",),
        batches=drawn(labelled),
        predict=predict,
        loss=both_in_numpy,
        optimizers=FEW,
    )
)


# An `nnx.State` for parameters.


class Pure(flax.struct.PyTreeNode):
    """The state of a module, and what the optimizer keeps: NNX without anything in place."""

    params: nnx.State
    opt_state: Any
    graph: Any = flax.struct.field(pytree_node=False)
    tx: Any = flax.struct.field(pytree_node=False)


@functools.cache
def split(optimizer):
    """Freeze the backbone by labels of an `nnx.State`."""

    def labels(state):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if path[0].key == "body" else "trained", state
        )

    transforms = {"frozen": optax.set_to_zero(), "trained": optimizer}
    return optax.multi_transform(transforms, labels)


class Pair(nnx.Module):
    """Two layers, body and head."""

    def __init__(self, inputs, *, rngs):
        """Make the layers."""
        self.body = nnx.Linear(inputs, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.head(nnx.relu(self.body(x)))


def create_pure(wrap):
    """Return a `create` of the state of a module."""

    def create(seed, batch, optimizer):
        graph, params = nnx.split(Pair(batch.x.shape[1], rngs=nnx.Rngs(seed)))
        tx = wrap(optimizer)
        return Pure(params, tx.init(params), graph, tx)

    return create


@jax.jit
def step_pure(state, batch):
    """Take a step without anything in place."""

    def mse(params):
        return jnp.mean((nnx.merge(state.graph, params)(batch.x) - batch.y) ** 2)

    value, grads = jax.value_and_grad(mse)(state.params)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(params=params, opt_state=opt_state), value


state_of_a_module = accepted(
    LinenTrainer(create_pure(split), step_pure, frozen=("body",), optimizers=FEW)
)


# Its own optimizer, which decays the leaves that it trains.

_ADAMW = partitioned(optax.adamw(0.1))
decay_of_its_own = accepted(
    LinenTrainer(
        create_for(Images(), lambda optimizer: _ADAMW),
        stepping(cross_entropy),
        frozen=("body",),
        batches=pictures,
        predict=predict,
        loss=cross_entropy_in_numpy,
    )
)


# A model of words that makes all of its optimizer in `create`.


class Reader(nn.Module):
    """Embedded words, attention over them, and the logits of three classes."""

    @nn.compact
    def __call__(self, words):
        """Predict logits."""
        x = nn.Embed(20, 8, name="words")(words)
        for block in range(2):
            seen = nn.LayerNorm(name=f"before_{block}")(x)
            x = x + nn.MultiHeadDotProductAttention(2, name=f"attention_{block}")(seen, seen)
            x = x + nn.Dense(8, name=f"dense_{block}")(nn.gelu(x))
        return nn.Dense(3, name="head")(x.mean(axis=1))


def readings(generator):
    """Draw the words of four sentences, and their classes."""
    words = generator.integers(0, 20, (4, 5)).astype(np.int32)
    return words, generator.integers(0, 3, 4).astype(np.int32)


def create_with_its_own_optimizer(seed, batch, optimizer):
    """Make the optimizer, with its schedule, anew: for JAX each state has another structure."""
    params = reader.init(jax.random.key(seed), batch.x)["params"]
    rate = optax.warmup_cosine_decay_schedule(1e-4, 1e-2, warmup_steps=3, decay_steps=50)
    trained = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate))
    labels = {name: "frozen" if name == "words" else "trained" for name in params}
    tx = optax.multi_transform({"trained": trained, "frozen": optax.set_to_zero()}, labels)
    return TrainState.create(apply_fn=reader.apply, params=params, tx=tx)


reader = Reader()
own_optimizer_made_anew = accepted(
    LinenTrainer(
        create_with_its_own_optimizer,
        stepping(cross_entropy),
        frozen=("words",),
        batches=drawn(readings),
    )
)
