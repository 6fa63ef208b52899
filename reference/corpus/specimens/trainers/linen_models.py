"""Faulty Linen trainers whose freeze misses a leaf, takes another one, or fails for some leaves."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from frostproof import Optimizers
from frostproof.reference.corpus.accepted.trainers.linen_layers import penalised_step
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    descending,
    keys,
    masking,
    mse,
    partitioned,
    stepping,
    trainer,
    where,
    within,
)

SGD = Optimizers("sgd")


in_body = within(BODY)


def masked_after(optimizer):
    """Set the updates of the body to zero, after an optimizer that has seen its gradients."""

    def mask(tree):
        return where(in_body, lambda leaf: True, jax.tree.map(lambda leaf: False, tree))

    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))


# The right leaves, and a technique that does not hold them.


@specimen(law="frozen-value", seen="equinox#866, pytorch#38581")
def zeroing_under_adamw():
    """Gradients of the body are zeroed, and the weight decay of adamw moves it all the same."""
    return masking(within(BODY))


@specimen(law="frozen-norm", seen="a freeze that was tested before lion came")
def zeroing_under_lion():
    """Gradients of the body are zeroed, which holds it under all optimizers here but one."""
    tried = Optimizers("sgd", "momentum", "adam", "rmsprop", "lion")
    return masking(within(BODY), optimizers=tried)


@specimen(
    law="frozen-under-coupled-overflow",
    seen="a loss that overflows under clipping",
    needs=Needs("weights at which the loss of a second step overflows", steps=2),
)
def zeroing_before_clipping():
    """Once a gradient of the head is NaN so is the global norm, and 0 · NaN moves the body."""
    return masking(within(BODY), optimizers=SGD, promise=("selected", "value", "isolated"))


@specimen(law="frozen-under-overflow", seen="masks of 0 and 1 in PyTorch ports")
def gradient_times_mask():
    """Gradients of the body are multiplied by 0, and 0 · inf is NaN."""
    step = stepping(lambda gradients: where(within(BODY), lambda g: g * 0.0, gradients))
    return trainer(create=creating(Layers()), step=step, optimizers=SGD)


@specimen(law="frozen-value", seen="optax#1754, #1784, #1789")
def float16_under_adam():
    """In float16 the epsilon of adam is zero, and a zeroed gradient becomes 0/0."""
    half = Layers(param_dtype=jnp.float16)
    return masking(within(BODY), model=half, optimizers=Optimizers("adam"))


@specimen(law="frozen-any-learning-rate", seen="a tiny rate taken for a freeze")
def tiny_rate_for_the_body():
    """The body gets 1e-20 of its gradient: nothing at ordinary rates, and much at huge ones."""
    step = stepping(lambda gradients: where(within(BODY), lambda g: g * 1e-20, gradients))
    return trainer(create=creating(Layers()), step=step, optimizers=SGD)


@specimen(law="frozen-optimizer-state", seen="`optax.freeze` at the end of a chain")
def state_for_the_body():
    """The optimizer sees the gradients of the body, and its moments follow them."""
    return trainer(
        create=creating(Layers(), masked_after),
        optimizers=Optimizers("momentum"),
        promise=("selected", "value", "inert"),
    )


@specimen(law="frozen-gradients-do-not-leak", seen="clipping in front of a partition")
def clipping_of_all_gradients():
    """The optimizer clips by the global norm of all gradients: the body's scale the head's."""
    return trainer(
        create=creating(Layers(), masked_after),
        optimizers=Optimizers("sgd", behind="clip_by_global_norm"),
        promise=("selected", "value", "isolated"),
    )


@specimen(law="frozen-under-other-optimizers", seen="a freeze that was tried with SGD only")
def zeroing_for_sgd_only():
    """Zeroed gradients hold under SGD, and under no optimizer that moves a leaf by itself."""
    return masking(within(BODY), optimizers=SGD)


# The wrong leaves.


@specimen(law="frozen-value", seen="`path[-1].key == 'kernel'` in a mask")
def bias_not_frozen():
    """Only the kernel of the body is frozen."""
    return masking(lambda path: keys(path) == ("body", "kernel"), optimizers=SGD)


@specimen(law="frozen-value", seen="a pattern that matches nothing is not an error anywhere")
def typo_in_the_mask():
    """The mask looks for `boby`, which no path holds: nothing is frozen."""
    return masking(within(("boby",)), optimizers=SGD)


@specimen(law="frozen-value", seen="Flax's example on surgery: `'backbone' in path` trains")
def mask_inverted():
    """What should train is frozen, and what should be frozen trains."""
    return masking(lambda path: not in_body(path), optimizers=SGD)


class InsideOut(nn.Module):
    """Two layers in one expression: Python makes the outer one first, and Linen numbers it 0."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        return nn.Dense(1)(nn.relu(nn.Dense(4)(x)))


@specimen(law="frozen-value", seen="`nn.Dense(1)(nn.relu(nn.Dense(8)(x)))` in tutorials")
def layers_numbered_inside_out():
    """The first layer should be frozen; it is called `Dense_1`, and `Dense_0` is the head."""
    return masking(within(("Dense_0",)), ("Dense_1",), InsideOut(), optimizers=SGD)


@specimen(law="trainable-moves", seen="`<=` for `<` over numbered layers")
def off_by_one_layer():
    """One layer too many is frozen."""
    deep = Layers(("layer_0", "layer_1", "layer_2"))
    return masking(lambda path: int(path[0].key[-1]) <= 1, ("layer_0",), deep, optimizers=SGD)


@specimen(law="exact-selection", seen="`startswith` in a recipe, with ten layers and more")
def layers_by_prefix():
    """Names are compared by `startswith`, so that `block_1` also freezes `block_10`."""
    deep = Layers(("block_1", "block_10", "head"))
    return masking(
        lambda path: path[0].key.startswith("block_1"), ("block_1",), deep, optimizers=SGD
    )


@specimen(law="exact-selection", seen="`'l1' in keystr(path)`")
def layers_by_substring():
    """A name is looked for anywhere in the path, so that `l1` also freezes `xl1`."""
    deep = Layers(("l1", "xl1", "head"))
    return masking(lambda path: "l1" in path[0].key, ("l1",), deep, optimizers=SGD)


@specimen(law="frozen-value", seen="a list of names in a config, one of them lost")
def one_leaf_of_twelve():
    """Of six layers, one bias is missing in what is frozen."""
    deep = Layers(tuple(f"layer_{n}" for n in range(6)))

    def listed(path):
        return path[0].key != "layer_5" and keys(path) != ("layer_3", "bias")

    return masking(listed, tuple(f"layer_{n}" for n in range(5)), deep, optimizers=SGD)


@specimen(law="trainable-moves", seen="equinox#193: a mask computed of the values")
def frozen_by_value():
    """Leaves that are all zero at the start are taken for frozen, such as the bias of the head."""
    begin = creating(Layers())

    def create(seed, batch, optimizer):
        state = begin(seed, batch, partitioned(optimizer, in_body))
        unset = jax.tree.map(lambda leaf: not leaf.any(), state.params)
        tx = optax.chain(state.tx, optax.masked(optax.set_to_zero(), unset))
        return state.replace(tx=tx, opt_state=tx.init(state.params))

    return trainer(create=create, optimizers=SGD)


class StoppedInside(nn.Module):
    """Three layers; the gradient stops behind the one in the middle, which is to be frozen."""

    use_bias: bool = True

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, use_bias=self.use_bias, name="stem")(x))
        x = jax.lax.stop_gradient(nn.relu(nn.Dense(4, name="body")(x)))
        return nn.Dense(1, name="head")(x)


@specimen(law="trainable-moves", seen="jax.lax.stop_gradient on an activation")
def gradient_stopped_on_the_way():
    """`stop_gradient` on an activation freezes what lies before the frozen layer, too."""
    return trainer(model=StoppedInside(), optimizers=SGD)


#: A bias of zero would stay as it is, and tell of the fault.
_WITHOUT_BIAS = StoppedInside(use_bias=False)


@specimen(law="trainable-moves", seen="made up: the same, where AdamW decays what gets no gradient")
def gradient_stopped_under_a_decay():
    """The program's own AdamW decays the layer before the frozen one, and nothing trains it."""
    own = optax.adamw(0.01, weight_decay=0.01)
    return trainer(create=creating(_WITHOUT_BIAS, lambda _: partitioned(own, in_body)))


@specimen(law="trainable-moves", seen="made up: the same at AdamW's default decay of 1e-4")
def gradient_stopped_under_a_small_decay():
    """The program's own AdamW takes 1e-7 of each weight of a layer which nothing trains."""
    own = optax.adamw(1e-3)
    return trainer(create=creating(_WITHOUT_BIAS, lambda _: partitioned(own, in_body)))


@specimen(law="trainable-moves", seen="made up: the same, where a penalty gives it a gradient")
def gradient_stopped_under_a_penalty():
    """The loss has a penalty on the weights, so that the layer shrinks, and nothing trains it."""
    return trainer(model=_WITHOUT_BIAS, step=penalised_step, optimizers=SGD)


@specimen(law="trainable-moves", seen="made up: the same, where the penalty pulls to other weights")
def gradient_stopped_under_a_pull():
    """A penalty on the distance from other weights trains the layer, and no data does."""

    def loss(params, apply, batch):
        pull = sum(jnp.sum((leaf - 1) ** 2) for leaf in jax.tree.leaves(params["stem"]))
        return mse(apply({"params": params}, batch.x), batch.y) + 0.01 * pull

    return trainer(model=_WITHOUT_BIAS, step=descending(loss), optimizers=SGD)


class InFrontOfANorm(nn.Module):
    """A frozen body and its projection, whose name begins alike, in front of a norm."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, name="body")(x))
        x = nn.LayerNorm(name="norm")(nn.Dense(4, use_bias=False, name="body_out")(x))
        return nn.Dense(1, name="head")(x)


@specimen(law="trainable-moves", seen="made up: a prefix, and a norm that hides what it caught")
def prefix_in_front_of_a_norm():
    """The projection is frozen, too; weights that are all shifted alike do not change the loss."""

    def freeze(optimizer):
        return partitioned(optimizer, _begins_like_body)

    return trainer(create=creating(InFrontOfANorm(), freeze), optimizers=SGD)


def _begins_like_body(path):
    return path[0].key.startswith("body")


@specimen(law="trainable-moves", seen="made up: a decay in front of Adam, which makes it a sign")
def gradient_stopped_behind_a_decay():
    """Adam trains the layer before the frozen one by its decay, and by nothing else."""

    def decayed(optimizer):
        return partitioned(optax.chain(_DECAY, optimizer), in_body)

    return trainer(create=creating(_WITHOUT_BIAS, decayed), optimizers=Optimizers("adam"))


_DECAY = optax.add_decayed_weights(1e-3)


# A mask that is made of something else than paths.


@specimen(law="frozen-value", seen="optax.masked calls its mask on the gradients at each update")
def mask_of_the_arrays_themselves():
    """The mask knows the arrays of the body: right on parameters, and not on their gradients."""
    begin = creating(Layers())

    def create(seed, batch, optimizer):
        state = begin(seed, batch, optimizer)
        body = {id(leaf) for leaf in jax.tree.leaves(state.params["body"])}

        def mask(tree):
            return jax.tree.map(lambda leaf: id(leaf) in body, tree)

        tx = optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))
        return state.replace(tx=tx, opt_state=tx.init(state.params))

    return trainer(create=create, optimizers=SGD)


class Adapted(nn.Module):
    """A body that has got a scale since it was frozen, and a head."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = Scaled(name="body")(x)
        return nn.Dense(1, name="head")(nn.relu(x))


class Scaled(nn.Module):
    """A dense layer whose units are scaled."""

    @nn.compact
    def __call__(self, x):
        """Return four scaled units."""
        return nn.Dense(4, name="dense")(x) * self.param("scale", nn.initializers.ones, (4,))


@specimen(
    law="frozen-value", seen="adapters that are added to a backbone frozen by a list of names"
)
def parameter_created_after_the_freeze():
    """The names of the body were listed before it got a scale, which trains."""
    listed = {("body", "dense", "kernel"), ("body", "dense", "bias")}
    return masking(lambda path: keys(path) in listed, model=Adapted(), optimizers=SGD)
