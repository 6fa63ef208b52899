"""Specimens that freeze the wrong leaves: a name, a path or a mask that misses."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    freeze_nothing,
    in_hidden,
    in_output,
    map_where,
    mean_squared_error,
    zero_where,
)
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX, TwoLayer


@specimen(law="answer-norms-equal", seen="a mistyped name, which no library reports")
@LINEN.replacing("freeze")
def mistyped_layer_name(gradients, x, lr):
    """The layer's name is mistyped, so nothing is frozen."""
    return zero_where(lambda path: "dense_0" in path or "l_1" in path, gradients)


mistyped_layer_name_nnx = NNX.twin(mistyped_layer_name)


@specimen(law="answer-norms-equal", seen="counting layers from one")
@LINEN.replacing("freeze")
def other_layer_frozen(gradients, x, lr):
    """The output layer is frozen in place of the first."""
    return zero_where(in_output, gradients)


@specimen(law="answer-norms-equal", seen="a Flax example on parameter surgery inverts its mask")
@NNX.replacing("freeze")
def inverted_selection(gradients, x, lr):
    """The mask is inverted: all but the first layer are frozen."""
    return zero_where(lambda path: not in_hidden(path), gradients)


@specimen(law="answer-norms-equal", seen="weight-decay masks, which single out the biases")
@LINEN.replacing("freeze")
def only_the_bias_frozen(gradients, x, lr):
    """Of the first layer the bias alone is frozen."""
    return zero_where(lambda path: in_hidden(path) and path[-1] == "bias", gradients)


only_the_bias_frozen_nnx = NNX.twin(only_the_bias_frozen)


@specimen(law="answer-norms-equal", seen="Linen variables, whose first key is a collection")
@LINEN.replacing("freeze")
def first_key_compared(gradients, x, lr):
    """The first key of the path is compared with the layer, but it is always `params`."""
    return zero_where(lambda path: path[0] == "Dense_0", gradients)


class NestedCalls(nn.Module):
    """The layers of the exercise in one expression, where Python makes the outer one first."""

    width: int
    activation: object

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1)(self.activation(nn.Dense(self.width)(x)))


@specimen(law="answer-norm-is-initial-norm", seen="layer names that Linen counts by call order")
@LINEN.replacing("model")
def output_layer_named_dense_0(width, activation):
    """Nested calls name the output layer `Dense_0`, which is then frozen and measured."""
    return NestedCalls(width, activation)


def joined(path):
    """Join the keys of a path as they print."""
    return ".".join(str(getattr(entry, "key", entry)) for entry in path)


@specimen(law="answer-norms-equal", seen="NNX paths join to `l1.kernel..value`, with two dots")
@NNX.replacing("freeze")
def joined_path_compared(gradients, x, lr):
    """The joined path is compared with `l1.kernel`, but it ends in `.value`."""
    frozen = ("l1.kernel", "l1.bias")
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.zeros_like(leaf) if joined(path) in frozen else leaf, gradients
    )


@specimen(law="answer-norms-equal", seen="optax#159")
@LINEN.replacing("optimizer", freeze=freeze_nothing)
def masked_alone(lr):
    """`optax.masked` alone passes the raw gradient of the frozen layer on to its weights."""
    return optax.masked(optax.sgd(lr), lambda tree: marked(tree, True, False))


masked_alone_nnx = NNX.twin(masked_alone)


@specimen(law="answer-norms-equal", seen="optax#159, through labels")
@LINEN.replacing("optimizer", freeze=freeze_nothing)
def identity_for_the_frozen(lr):
    """The frozen label gets `identity()`, which passes the raw gradient on."""
    return optax.multi_transform(
        {"train": optax.sgd(lr), "freeze": optax.identity()},
        lambda tree: marked(tree, "train", "freeze"),
    )


@specimen(law="answer-norms-equal", seen="optax.freeze and optax.masked, whose True differ")
@LINEN.replacing("optimizer", freeze=freeze_nothing)
def mask_of_the_wrong_sense(lr):
    """A mask in which True means trainable is given to `optax.freeze`, where it means frozen."""
    return optax.chain(
        optax.sgd(lr),
        optax.masked(optax.set_to_zero(), lambda tree: marked(tree, True, False)),
    )


mask_of_the_wrong_sense_nnx = NNX.twin(mask_of_the_wrong_sense)


def marked(tree, trainable, frozen):
    """Return the tree with every leaf replaced by a mark."""
    marks = jax.tree.map(lambda leaf: trainable, tree)
    return map_where(in_hidden, lambda mark: frozen, marks)


class Frozen(nnx.Param):
    """A parameter that is meant to stay."""


class FrozenFirst(TwoLayer):
    """The model with its first layer's parameters retyped."""

    def __init__(self, *sizes, rngs):
        """Wrap the parameters of `l1`."""
        super().__init__(*sizes, rngs=rngs)
        self.l1.kernel = Frozen(self.l1.kernel[...])
        self.l1.bias = Frozen(self.l1.bias[...])


@specimen(law="answer-norms-equal", seen="`wrt=nnx.Param`, which selects subclasses too")
@NNX.replacing("model", freeze=freeze_nothing)
def frozen_subclass_of_param(*sizes, rngs):
    """The frozen type is a subclass of `nnx.Param`, so `wrt=nnx.Param` trains it."""
    return FrozenFirst(*sizes, rngs=rngs)


@partial(jax.jit, static_argnums=0)
def train_by_jax_grad(training, weights, x, y, lr):
    """Take the step with the gradient of `jax.grad`, a module, and look for `key` in its paths."""
    model = nnx.merge(*weights, copy=True)
    loss, gradients = jax.value_and_grad(lambda model: mean_squared_error(model(x), y))(model)
    gradients = zero_where(in_hidden, gradients)
    training.update(model, nnx.state(gradients), training.optimizer(lr))
    return loss, nnx.split(model)


@specimen(kind="nnx", law="answer-norms-equal", seen="paths of `GetAttrKey`, which have no `key`")
def attributes_taken_for_keys(seed, x, y, lr):
    """`jax.grad` gives a module, whose paths are attributes: a search for keys finds nothing."""
    weights = NNX.begin(NNX.training, np.uint32(int(seed)), x.shape[1], y.shape[1])
    loss, moved = train_by_jax_grad(NNX.training, weights, x, y, lr)
    return NNX.answer(loss, weights, moved)
