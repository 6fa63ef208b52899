"""Correct trainers that freeze a part of an array: `params` shows the parts as leaves."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.accepted.trainers.own_models import drawn
from frostproof.reference.corpus.register import accepted

FEW = Optimizers("sgd", "adam", "adamw", rates=(0.1,))

# New words of a table, beside those that were there before.

#: The words that were there before.
OLD = 4


def texts(draw):
    """Return texts of three words each, and targets."""
    return draw.integers(0, 6, (4, 3)), draw.standard_normal((4, 1), "f")


def create_table(seed, batch, optimizer):
    """Make a table of words and a head."""
    keys = jax.random.split(jax.random.key(seed))
    table = jax.random.normal(keys[0], (6, 3))
    params = {"table": table, "head": jax.random.normal(keys[1], (3, 1))}
    return TrainState.create(apply_fn=None, params=params, tx=optimizer)


def error_of_texts(params, batch):
    """Return the mean squared error of the head on the mean of the words."""
    return jnp.mean((params["table"][batch.x].mean(1) @ params["head"] - batch.y) ** 2)


def words(state):
    """Show old and new words as their own leaves."""
    table = state.params["table"]
    return {"old": table[:OLD], "new": table[OLD:], "head": state.params["head"]}


def with_words(state, params):
    """Put the words into one table again."""
    table = jnp.concatenate([params["old"], params["new"]])
    return state.replace(params={"table": table, "head": params["head"]})


def table_trainer(step):
    """Return the trainer of a table by a step that gets gradients."""

    @jax.jit
    def train_step(state, batch):
        loss, grads = jax.value_and_grad(error_of_texts)(state.params, batch)
        return step(state, grads), loss

    return LinenTrainer(
        create_table,
        train_step,
        frozen=("old",),
        params=words,
        with_params=with_words,
        batches=drawn(texts),
        optimizers=FEW,
    )


def _put_back(state, grads):
    new = state.apply_gradients(grads=grads)
    table = new.params["table"].at[:OLD].set(state.params["table"][:OLD])
    return new.replace(params=new.params | {"table": table})


new_words_train = accepted(table_trainer(_put_back))


# Weights that were pruned.

#: Where a weight stays zero.
PRUNED = np.array([[True, False, True], [False, True, False]])


def create_pruned(seed, batch, optimizer):
    """Make a layer of two inputs of which some weights are zero."""
    kernel = jax.random.normal(jax.random.key(seed), PRUNED.shape)
    params = {"kernel": jnp.where(PRUNED, 0.0, kernel), "bias": jnp.zeros(3)}
    return TrainState.create(apply_fn=None, params=params, tx=optimizer)


def weights(state):
    """Show what is pruned and what is kept: parts of no slice, of which one lies in the other."""
    kernel = state.params["kernel"]
    parts = {"pruned": kernel[PRUNED], "kept": kernel[~PRUNED]}
    return parts | {"bias": state.params["bias"]}


def put_weights(state, params):
    """Put parts in place, which the next step prunes again."""
    kernel = jnp.zeros(PRUNED.shape).at[PRUNED].set(params["pruned"])
    kernel = kernel.at[~PRUNED].set(params["kept"])
    return state.replace(params={"kernel": kernel, "bias": params["bias"]})


@jax.jit
def _prune_again(state, batch):
    def error(params):
        return jnp.mean((batch.x @ params["kernel"] + params["bias"] - batch.y) ** 2)

    loss, grads = jax.value_and_grad(error)(state.params)
    new = state.apply_gradients(grads=grads)
    kernel = jnp.where(PRUNED, 0.0, new.params["kernel"])
    return new.replace(params=new.params | {"kernel": kernel}), loss


pruned_weights_stay_zero = accepted(
    LinenTrainer(
        create_pruned,
        _prune_again,
        frozen=("pruned",),
        params=weights,
        with_params=put_weights,
        batches=drawn(lambda draw: [draw.standard_normal((4, n), "f") for n in PRUNED.shape]),
        optimizers=FEW,
    )
)


# The first layers of a stack.


class Stack(nnx.Module):
    """Three layers whose weights lie in one variable, and a head."""

    def __init__(self, width, rngs):
        """Draw the weights."""
        self.kernel = nnx.Param(0.5 * jax.random.normal(rngs.params(), (3, width, width)))
        self.head = nnx.Linear(width, 1, rngs=rngs)

    def __call__(self, x):
        """Scan over the layers, and predict."""
        x, _ = jax.lax.scan(lambda x, kernel: (x + jnp.tanh(x @ kernel), None), x, self.kernel[...])
        return self.head(x)


def stack_trainer(step):
    """Return the trainer of a stack by a step that gets gradients."""

    def create(seed, batch, optimizer):
        model = Stack(batch.x.shape[1], nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=nnx.Param)

    @nnx.jit
    def train_step(model, optimizer, batch):
        def error(model):
            return jnp.mean((model(batch.x) - batch.y) ** 2)

        loss, grads = nnx.value_and_grad(error)(model)
        step(model, optimizer, grads)
        return loss

    def params(model):
        head = {"kernel": model.head.kernel[...], "bias": model.head.bias[...]}
        return {"first": model.kernel[:2], "last": model.kernel[2:], "head": head}

    def with_params(model, params):
        model.kernel[...] = jnp.concatenate([params["first"], params["last"]])
        model.head.kernel[...], model.head.bias[...] = (
            params["head"]["kernel"],
            params["head"]["bias"],
        )

    return NnxTrainer(
        create,
        train_step,
        frozen=("first",),
        params=params,
        with_params=with_params,
        predict=nnx.jit(lambda model, x: model(x)),
        loss="mse",
        optimizers=FEW,
    )


def _hold_the_first(model, optimizer, grads):
    first = model.kernel[:2]
    optimizer.update(model, grads)
    model.kernel[...] = model.kernel[...].at[:2].set(first)


last_layer_trains = accepted(stack_trainer(_hold_the_first))
