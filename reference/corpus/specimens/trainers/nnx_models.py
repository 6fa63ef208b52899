"""Faulty NNX trainers: filters, paths and modules that are not what they look like."""

import jax
import jax.numpy as jnp
from flax import nnx

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.nnx_training_recipe import (
    BODY,
    TwoLayer,
    all_but,
    creating,
    filtering,
    joined,
    masking,
    mse,
    set_to_zero_where,
    stepping,
    zeroing,
)

SGD = Optimizers("sgd")


def in_l1(path):
    """Tell whether a path of an `nnx.State` leads into `l1`."""
    return joined(path).startswith("l1.")


# Paths.


@specimen(law="frozen-value", seen="a recipe for nnx.value_and_grad, used with jax.grad")
def recipe_under_jax_grad():
    """`jax.grad` of a module gives paths of attributes, without any `.key`: nothing is frozen."""

    @jax.jit
    def gradients(model, batch):
        return jax.value_and_grad(mse)(model, batch)

    def step(model, optimizer, batch):
        loss, grads = gradients(model, batch)
        optimizer.update(model, nnx.state(zeroing(in_l1)(grads), nnx.Param))
        return loss

    return NnxTrainer(creating(), step, frozen=BODY, optimizers=SGD)


@specimen(law="frozen-value", seen='joined keys end in two dots: "l1.kernel..value"')
def path_compared_as_a_whole():
    """The joined path is compared with `l1.kernel`, and ends in one more dot: no leaf is frozen."""
    return masking(lambda path: joined(path) in ("l1.kernel", "l1.bias"), optimizers=SGD)


@specimen(law="frozen-value", seen="paths shown at `init` and at `update` are not the same")
def mask_of_the_last_entry():
    """A mask that skips `.value` at the end works in `init`, and in `update` it looks elsewhere."""

    def mask(tree):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: getattr(path[-1], "name", None) == "value" and path[0].key == "l1", tree
        )

    create = creating(wrap=set_to_zero_where(mask))
    return NnxTrainer(create, stepping(), frozen=BODY, optimizers=SGD)


class Siblings(nnx.Module):
    """Layers `l1` and `l11`, and the one at the end."""

    def __init__(self, inputs, *, rngs):
        """Make the layers in the order of use."""
        self.l1 = nnx.Linear(inputs, 4, rngs=rngs)
        self.l11 = nnx.Linear(4, 4, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.head(nnx.relu(self.l11(nnx.relu(self.l1(x)))))


@specimen(law="exact-selection", seen="`startswith('l1')` in a recipe for nnx")
def prefix_of_a_sibling():
    """The joined path starts with `l1`, and so does that of `l11`."""
    return masking(lambda path: joined(path).startswith("l1"), make=Siblings, optimizers=SGD)


@specimen(law="frozen-value", seen="`endswith('kernel')` on a joined path")
def bias_forgotten():
    """Of `l1` the kernel is frozen, and the bias trains."""
    return masking(lambda path: joined(path) == "l1.kernel.", optimizers=SGD)


# Filters.


class Frozen(nnx.Param):
    """A special type for frozen weights, which is still a Param."""


class WithFrozenType(TwoLayer):
    """The first layer holds `Frozen` variables."""

    def __init__(self, inputs, *, rngs):
        """Replace the variables of `l1`."""
        super().__init__(inputs, rngs=rngs)
        self.l1.kernel = Frozen(self.l1.kernel[...])
        self.l1.bias = Frozen(self.l1.bias[...])


@specimen(law="frozen-value", seen="flax#5372; filters go by subclass")
def subclass_of_param():
    """Weights of a class `Frozen(nnx.Param)` are Params, and `wrt=nnx.Param` trains them."""
    return NnxTrainer(creating(WithFrozenType), stepping(), frozen=BODY, optimizers=SGD)


@specimen(law="frozen-value", seen="Flax's example on surgery: `'backbone' in path` trains")
def filter_inverted():
    """The filter of what trains is that of what should be frozen."""
    wrong = nnx.All(nnx.Param, nnx.PathContains("l1"))
    return NnxTrainer(creating(wrt=wrong), stepping(wrt=wrong), frozen=BODY, optimizers=SGD)


@specimen(law="trainable-moves", seen="nnx.PathContains compares whole names, anywhere in the path")
def kernel_filtered_everywhere():
    """`PathContains("kernel")` should mean that of `l1`, and leaves every kernel out."""
    rest = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("kernel")))
    create, step = creating(wrt=rest), stepping(wrt=rest)
    return NnxTrainer(create, step, frozen=("l1/kernel",), optimizers=SGD)


@specimen(law="trainable-moves", seen="the signature of `update` before flax 0.11")
def arguments_swapped():
    """`optimizer.update(grads, model)` trains the gradients, and leaves the model as it is."""

    @nnx.jit
    def step(model, optimizer, batch):
        loss, grads = nnx.value_and_grad(mse)(model, batch)
        optimizer.update(zeroing(in_l1)(grads), model)
        return loss

    return NnxTrainer(creating(), step, frozen=BODY, optimizers=SGD)


# Techniques.


@specimen(law="frozen-value", seen="equinox#866, pytorch#38581")
def zeroing_under_adamw():
    """Gradients of `l1` are zeroed, and the weight decay of adamw moves it all the same."""
    return masking(in_l1)


@specimen(
    law="frozen-under-coupled-overflow",
    seen="a loss that overflows under clipping",
    needs=Needs("weights at which the loss of a second step overflows", steps=2),
)
def zeroing_before_clipping():
    """Once a gradient of `l2` is NaN so is the global norm, and 0 · NaN moves `l1`."""
    return masking(in_l1, optimizers=SGD, promise=("selected", "value", "isolated"))


def l1_of_a_state(tree):
    """Return a mask of the leaves of `l1`, for what `nnx.Optimizer` shows a transformation."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key == "l1", tree)


@specimen(law="frozen-gradients-do-not-leak", seen="clipping in front of a partition")
def clipping_of_all_gradients():
    """The optimizer clips by the global norm of all gradients, `l1` included."""
    create = creating(wrap=set_to_zero_where(l1_of_a_state))
    clipped = Optimizers("sgd", behind="clip_by_global_norm")
    promise = ("selected", "value", "isolated")
    return NnxTrainer(create, stepping(), frozen=BODY, optimizers=clipped, promise=promise)


@specimen(law="frozen-optimizer-state", seen="`optax.freeze` at the end of a chain")
def state_for_l1():
    """The optimizer sees the gradients of `l1`, and its moments follow them."""
    create = creating(wrap=set_to_zero_where(l1_of_a_state))
    promise = ("selected", "value", "inert")
    return NnxTrainer(
        create, stepping(), frozen=BODY, optimizers=Optimizers("momentum"), promise=promise
    )


# Modules that are trained in place.


def then(change, loss=mse):
    """Return the correct step, with a change of the module behind it."""
    step = stepping(wrt=all_but("l1"), loss=loss)

    def both(model, optimizer, batch):
        value = step(model, optimizer, batch)
        change(model)
        return value

    return both


@specimen(law="frozen-value", seen="made up: a move that no norm shows")
def kernel_negated():
    """The kernel of `l1` is negated after the step, which keeps its norm."""

    def negate(model):
        model.l1.kernel[...] = -model.l1.kernel[...]

    return filtering(step=then(negate), optimizers=SGD)


@specimen(law="frozen-structure", seen="a model cast to half precision for inference")
def cast_after_the_step():
    """The step leaves `l1` in bfloat16."""

    def cast(model):
        model.l1.kernel.set_value(model.l1.kernel[...].astype(jnp.bfloat16))

    return filtering(step=then(cast), optimizers=SGD)


class Constant(nnx.Variable):
    """A type that is not a Param."""


@specimen(law="frozen-structure", seen="variables that are replaced to freeze them")
def type_changed_by_the_step():
    """The step turns the kernel of `l1` into a variable of another type."""

    def retype(model):
        model.l1.kernel = Constant(model.l1.kernel[...])

    return filtering(step=then(retype), optimizers=SGD)


@specimen(
    law="zero-rate-is-identity",
    seen="weight decay by hand, without the learning rate",
    needs=Needs("a second step tells a decay from a projection", steps=2),
)
def decay_by_hand():
    """The kernel of `l2` is decayed after the step, whatever the rate."""

    def decay(model):
        model.l2.kernel[...] = 0.9999 * model.l2.kernel[...]

    return filtering(step=then(decay))


class Normalised(TwoLayer):
    """A model with statistics of the hidden units."""

    def __init__(self, inputs, *, rngs):
        """Put the normalisation inside of `l1`."""
        super().__init__(inputs, rngs=rngs)
        self.l1 = nnx.Sequential(self.l1, nnx.BatchNorm(4, rngs=rngs))


@specimen(law="frozen-layer-state", seen="keras#7085, #4674")
def statistics_of_a_frozen_norm():
    """`l1` is frozen, and the running statistics of its BatchNorm move, as in training."""
    return filtering(Normalised, optimizers=SGD, promise=("selected", "value", "inert"))


@specimen(law="loss-before-step", seen="a metric evaluated once more, after the update")
def loss_after_the_step():
    """The loss is that of the updated module."""
    inner = stepping(wrt=all_but("l1"))

    def step(model, optimizer, batch):
        inner(model, optimizer, batch)
        return mse(model, batch)

    return filtering(step=step, predict=lambda model, x: model(x), loss="mse", optimizers=SGD)


@specimen(law="loss-is-mse", seen="(N, 1) minus (N,) is (N, N)")
def loss_broadcast():
    """A prediction of shape (N,) minus targets of shape (N, 1) is a matrix of all pairs."""

    def loss(model, batch):
        return jnp.mean((model(batch.x).squeeze(-1) - batch.y) ** 2)

    step = stepping(wrt=all_but("l1"), loss=loss)
    return filtering(step=step, predict=lambda model, x: model(x), loss="mse", optimizers=SGD)


@specimen(law="training-runs", seen="a batch that is split over devices")
def odd_batches_raise():
    """The batch is split in two halves, and one row cannot be."""

    def loss(model, batch):
        halves = (model(batch.x) - batch.y).reshape(2, -1)
        return jnp.mean(halves**2)

    return filtering(step=stepping(wrt=all_but("l1"), loss=loss), optimizers=SGD)
