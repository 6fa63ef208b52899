"""Faulty trainers that look right: what NNX and Optax take in another way, without a word."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct
from optax.transforms import selective_transform

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.nnx_training_recipe import (
    BODY,
    TwoLayer,
    all_but,
    creating,
    filtering,
    mse,
    stepping,
    zeroing,
)

SGD = Optimizers("sgd")
OF_HEAD = all_but("l1")


@specimen(law="trainable-moves", seen="`jax.jit` in a script that was moved from Linen to NNX")
def in_place_under_jax_jit():
    """A step that trains in place is compiled by `jax.jit`, which gives nothing of that back."""

    def step(model, optimizer, batch):
        value, grads = nnx.value_and_grad(mse, argnums=nnx.DiffState(0, OF_HEAD))(model, batch)
        optimizer.update(model, grads)
        return value

    return filtering(step=jax.jit(step), optimizers=SGD)


@specimen(law="trainable-moves", seen="pretrained weights put into a module by assignment")
def array_in_the_place_of_a_variable():
    """The head's kernel is set to an array, which is not a parameter any more."""

    def make(inputs, *, rngs):
        model = TwoLayer(inputs, rngs=rngs)
        model.l2.kernel = jnp.ones((4, 1)) * 0.25
        return model

    return filtering(make, optimizers=SGD)


@specimen(law="frozen-value", seen="flax 0.12.8, nnx/nn/normalization.py")
def weights_normalised_in_place():
    """Each call of `nnx.WeightNorm` stores the normalised kernel, in a frozen layer, too."""

    def make(inputs, *, rngs):
        model = TwoLayer(inputs, rngs=rngs)
        model.l1 = nnx.WeightNorm(model.l1, rngs=rngs)
        return model

    return filtering(make, optimizers=SGD)


def joined(path):
    """Join the keys of a path by dots, and keep what has none as JAX shows it."""
    return ".".join(str(getattr(entry, "key", entry)) for entry in path)


@specimen(law="frozen-value", seen="`nnx.set_graph_mode(False)`, or NNX_GRAPH_MODE in a job's file")
def prefix_without_graph_mode():
    """Gradients whose joined path starts with `l1` are zeroed; without graph mode it starts with a
    dot.
    """
    change = zeroing(lambda path: joined(path).startswith("l1"))

    @nnx.jit
    def step(model, optimizer, batch):
        with nnx.set_graph_mode(False):
            value, grads = nnx.value_and_grad(mse)(model, batch)
            optimizer.update(model, change(grads))
        return value

    with nnx.set_graph_mode(False):  # as it is made, so it runs
        step = nnx.jit(step.__wrapped__)
    return NnxTrainer(creating(), step, frozen=BODY, optimizers=SGD)


@specimen(law="frozen-value", seen="a path that was printed in `nnx.grad`, and pasted into a mask")
def rule_of_a_printed_path():
    """The mask looks for paths of gradients, which end in `.value`; those of updates do not."""
    printed = {"['l1']['kernel'].value", "['l1']['bias'].value"}

    @functools.cache
    def masked(optimizer):
        def mask(tree):
            return jax.tree_util.tree_map_with_path(
                lambda path, _: jax.tree_util.keystr(path) in printed, tree
            )

        return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))

    def create(seed, batch, optimizer):
        model = TwoLayer(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, masked(optimizer), wrt=nnx.Param)

    return NnxTrainer(create, stepping(), frozen=BODY, optimizers=SGD)


def is_body(tree):
    """Tell of each leaf whether it is frozen."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "l1" in jax.tree_util.keystr(path), tree
    )


@specimen(law="frozen-value", seen="`inject_hyperparams` around an optimizer with a mask")
def mask_taken_for_a_schedule():
    """The mask is a function, which `inject_hyperparams` calls with the number of updates."""

    def rated(learning_rate, mask):
        return optax.chain(optax.sgd(learning_rate), optax.freeze(mask))

    injected = optax.inject_hyperparams(rated)(learning_rate=0.1, mask=is_body)

    def create(seed, batch, optimizer):
        model = TwoLayer(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, injected, wrt=nnx.Param)

    return NnxTrainer(create, stepping(), frozen=BODY)


@specimen(law="trainable-moves", seen="a mask that is a function, as `optax.freeze` takes one")
def selective_transform_of_a_function():
    """`selective_transform` takes the function for True, and freezes all leaves."""

    @functools.cache
    def frozen(optimizer):
        return selective_transform(optimizer, freeze_mask=is_body)

    return NnxTrainer(creating(wrap=frozen), stepping(), frozen=BODY, optimizers=SGD)


class Tied(nnx.Module):
    """An embedding whose weights are those of the output, too."""

    def __init__(self, inputs, rngs):
        """Tie both kernels."""
        self.embed = nnx.Linear(inputs, inputs, use_bias=False, rngs=rngs)
        self.mid = nnx.Linear(inputs, inputs, rngs=rngs)
        self.out = nnx.Linear(inputs, inputs, use_bias=False, rngs=rngs)
        self.out.kernel = self.embed.kernel

    def __call__(self, x):
        """Predict one column."""
        return self.out(nnx.tanh(self.mid(self.embed(x)))).sum(axis=1, keepdims=True)


@struct.dataclass
class Loop:
    """What a functional loop carries."""

    model: Any
    opt_state: Any
    tx: Any = struct.field(pytree_node=False)


@specimen(law="frozen-structure", seen="a module that goes through `jax.jit`, and comes back")
def weights_untied_by_a_loop():
    """The step takes and returns the module as a tree, in which tied weights are two leaves."""

    def create(seed, batch, optimizer):
        model = Tied(batch.x.shape[1], nnx.Rngs(seed))
        return Loop(model, optimizer.init(nnx.state(model, OF_MID)), optimizer)

    @jax.jit
    def step(loop, batch):
        graph, train, rest = nnx.split(loop.model, OF_MID, ...)

        def loss(train):
            return mse(nnx.merge(graph, train, rest), batch)

        value, grads = jax.value_and_grad(loss)(train)
        updates, opt_state = loop.tx.update(grads, loop.opt_state, train)
        model = nnx.merge(graph, optax.apply_updates(train, updates), rest)
        return loop.replace(model=model, opt_state=opt_state), value

    return LinenTrainer(
        create,
        step,
        frozen=("embed",),
        params=lambda loop: nnx.state(loop.model),
        optimizers=SGD,
    )


OF_MID = nnx.All(nnx.Param, nnx.PathContains("mid"))
