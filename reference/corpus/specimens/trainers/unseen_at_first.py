"""Faulty trainers whose fault hides behind some weights, or behind one optimizer or one shape."""

import functools
from typing import Any

import flax.linen as nn
import jax
import optax

from frostproof import Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    partitioned,
    stepping,
    trainer,
    where,
    within,
)

SGD = Optimizers("sgd", rates=(0.1,))
NORMS = ("first_norm", "second_norm")
_in_norms = within(NORMS)


class Normed(nn.Module):
    """Two norms of one width, whose parameters are equal as long as nobody trains them."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        hidden = nn.LayerNorm(name=NORMS[0])(nn.Dense(4, name="stem")(x))
        hidden = nn.LayerNorm(name=NORMS[1])(nn.tanh(nn.Dense(4, name="mid")(hidden)))
        return nn.Dense(1, name="head")(hidden)


@specimen(law="frozen-value", seen="a decay by hand over all biases, which start from zero")
def biases_of_norms_decayed():
    """Each step shrinks the biases of both frozen norms, which are zeros until they are drawn."""

    def shrink(old, new):
        params = where(
            lambda path: _in_norms(path) and path[-1].key == "bias", lambda p: 0.9 * p, new.params
        )
        return new.replace(params=params)

    create = creating(Normed(), lambda optimizer: partitioned(optimizer, _in_norms))
    return trainer(NORMS, create=create, step=stepping(after=shrink), optimizers=SGD)


class Adapted(nn.Module):
    """A frozen body and head, and an adapter of two factors beside the head."""

    down_init: Any = nn.initializers.zeros

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, name="body")(x))
        down = nn.Dense(2, use_bias=False, kernel_init=self.down_init, name="down")
        up = nn.Dense(1, use_bias=False, kernel_init=nn.initializers.zeros, name="up")
        return nn.Dense(1, name="head")(x) + up(down(x))


def adapted(model):
    """Train the adapter alone."""
    return trainer(("body", "head"), model, optimizers=SGD)


@specimen(law="trainable-moves", seen="made up: an adapter whose two factors both begin with zeros")
def both_factors_zero():
    """Neither factor ever gets a gradient, unless other weights are put in their place."""
    return adapted(Adapted())


@specimen(law="training-runs", seen="code that logs the second moment, in a sweep over optimizers")
def no_second_moment_to_log():
    """The step reads the optimizer's second moment, which sgd does not have."""
    train = stepping()

    def step(state, batch):
        state, loss = train(state, batch)
        jax.block_until_ready(optax.tree.get(state.opt_state, "nu")["head"])
        return state, loss

    return trainer(step=step, optimizers=Optimizers("adam", "sgd", rates=(0.1,)))


@specimen(
    law="training-runs",
    seen="a table of layers for the sizes of one data set",
    needs=Needs("a width that the table has not", features=3),
)
def no_layer_for_this_width():
    """`create` looks the number of features up in a table, which does not have all of them."""
    initialised = creating(Layers(), lambda optimizer: partitioned(optimizer, within(BODY)))

    def create(seed, batch, optimizer):
        scale = {1: 1.0}[batch.x.shape[1]]
        state = initialised(seed, batch, optimizer)
        return state.replace(params=jax.tree.map(lambda p: p * scale, state.params))

    return trainer(create=create, optimizers=SGD)


@specimen(
    law="training-runs",
    seen="winstonsmith1897/DantinoX, dantinox/training/optimizer.py: `_lora_masked_optimizer`",
)
def label_of_a_leaf_for_labels_of_a_tree():
    """`multi_transform` is given a function of a path and a leaf, and calls it with the tree."""

    def label(path, leaf):
        return "frozen" if path[0].key in BODY else "trained"

    def freeze(optimizer):
        return optax.multi_transform({"trained": optimizer, "frozen": optax.set_to_zero()}, label)

    return trainer(create=creating(Layers(), freeze), optimizers=SGD)


@specimen(law="frozen-value", seen="buffers that are donated, in a state that only its owner reads")
def body_shifted_in_a_donated_state():
    """The parameters are found by `params=` alone, and the step that donates them moves them."""

    @functools.partial(jax.jit, donate_argnums=0)
    def step(held, batch):
        state, loss = train(held["state"], batch)
        body = jax.tree.map(lambda leaf: leaf + 0.01, state.params["body"])
        return {"state": state.replace(params={**state.params, "body": body})}, loss

    train = stepping()
    initialised = creating(Layers(), lambda optimizer: partitioned(optimizer, within(BODY)))
    return trainer(
        create=lambda *given: {"state": initialised(*given)},
        step=step,
        params=lambda held: held["state"].params,
        opt_state=lambda held: held["state"].opt_state,
        optimizers=SGD,
    )
