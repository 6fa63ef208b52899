"""Faulty twins of correct trainers, with their own models, losses and parameters."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx, traverse_util
from flax.core import FrozenDict, freeze

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.accepted.trainers.linen_states import Model, create_for
from frostproof.reference.corpus.accepted.trainers.own_models import (
    Images,
    Pair,
    TwoHeads,
    both_in_numpy,
    create_pure,
    cross_entropy,
    cross_entropy_in_numpy,
    drawn,
    labelled,
    pictures,
    predict,
    sentence_trainer,
    step_pure,
    stepping,
)
from frostproof.reference.corpus.accepted.trainers.plain_trees import State, layers, through_layers
from frostproof.reference.corpus.accepted.trainers.plain_trees import stepping as plain_stepping
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import Layers

SGD = Optimizers("sgd")


# Inputs, targets and losses.


@specimen(law="frozen-value", seen="`path[-1].key == 'kernel'` in a mask")
def bias_of_a_convolution():
    """Of the convolution only the kernel is frozen."""

    @functools.cache
    def masked(optimizer):
        def mask(params):
            return {
                "body": {"kernel": True, "bias": False},
                "head": {"kernel": False, "bias": False},
            }

        return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))

    return LinenTrainer(
        create_for(Images(), masked),
        stepping(cross_entropy),
        frozen=("body",),
        batches=pictures,
        optimizers=SGD,
    )


@specimen(law="loss-is-mse", seen="`optax.softmax_cross_entropy` of smoothed labels")
def smoothed_cross_entropy():
    """Labels are smoothed in the loss that is reported, and not in the declared one."""

    def smoothed(logits, y):
        labels = optax.smooth_labels(jax.nn.one_hot(y, 3), 0.1)
        return optax.softmax_cross_entropy(logits, labels).mean()

    return LinenTrainer(
        create_for(Images()),
        stepping(smoothed),
        frozen=("body",),
        batches=pictures,
        predict=predict,
        loss=cross_entropy_in_numpy,
        optimizers=SGD,
    )


@specimen(law="frozen-value", seen="a frozen embedding in an optimizer of all parameters")
def embedding_trained():
    """`wrt=nnx.Param` selects the embedding, too."""
    return sentence_trainer(nnx.Param, optimizers=SGD)


@specimen(law="loss-is-mse", seen="a padding mask that is applied in evaluation only")
def padding_forgotten_in_training():
    """The loss is that of the prediction with padding, and `predict` leaves the padding out."""

    def with_padding(model, x):
        return model({"tokens": x["tokens"], "kept": jnp.ones_like(x["kept"])})

    trainer = sentence_trainer(nnx.All(nnx.Param, nnx.Not(nnx.PathContains("l1"))))

    def step(model, optimizer, batch):
        reported = jnp.mean((with_padding(model, batch.x) - batch.y) ** 2)
        trainer.train_step(model, optimizer, batch)
        return reported

    return NnxTrainer(
        trainer.create,
        step,
        frozen=("l1",),
        batches=trainer.batches,
        predict=nnx.jit(lambda model, x: model(x)),
        loss="mse",
        optimizers=SGD,
    )


@specimen(law="loss-is-mse", seen="a multi-task loss that logs one of its terms")
def one_of_two_losses():
    """Both losses are declared, and that of the number alone is reported."""

    def numbers(prediction, y):
        return jnp.mean((prediction["number"] - y["number"]) ** 2)

    return LinenTrainer(
        create_for(TwoHeads()),
        stepping(numbers),
        frozen=("body",),
        batches=drawn(labelled),
        predict=predict,
        loss=both_in_numpy,
        optimizers=SGD,
    )


# Parameters.


@specimen(law="frozen-value", seen="`traverse_util.flatten_dict` without `sep`")
def keys_of_a_frozen_dict():
    """Flattened keys of a FrozenDict are tuples, and are looked up as strings with a slash."""

    def labels(params):
        flat = traverse_util.flatten_dict(params)
        named = {
            key: "frozen" if key in ("body/kernel", "body/bias") else "trained" for key in flat
        }
        return freeze(traverse_util.unflatten_dict(named))

    @functools.cache
    def partitioned(optimizer):
        return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)

    begin = create_for(Model(), lambda optimizer: optimizer)

    def create(seed, batch, optimizer):
        state = begin(seed, batch, optimizer)
        tx, params = partitioned(optimizer), freeze(state.params)
        return state.replace(params=params, tx=tx, opt_state=tx.init(params))

    return LinenTrainer(
        create, stepping(lambda p, y: jnp.mean((p - y) ** 2)), frozen=("body",), optimizers=SGD
    )


class _Backboned(nn.Module):
    """A backbone of two layers, and a head."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1, name="head")(Layers(("stem", "neck"), name="backbone")(x))


@specimen(
    law="frozen-value",
    seen="the recursive mask of optax#159, since Flax 0.7.1 returns plain dicts (discussion 3191)",
)
def mask_of_frozen_dicts():
    """Labels are sought inside each FrozenDict: of plain dicts the first level alone has any."""

    def labels(params):
        return {name: _label(name, below) for name, below in params.items()}

    def _label(name, below):
        if name == "stem":
            return "frozen"
        return labels(below) if isinstance(below, FrozenDict) else "trained"

    @functools.cache
    def partitioned(optimizer):
        return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)

    return LinenTrainer(
        create_for(_Backboned(), partitioned),
        stepping(lambda p, y: jnp.mean((p - y) ** 2)),
        frozen=("backbone/stem",),
        optimizers=SGD,
    )


@specimen(law="frozen-value", seen="the last index of a path taken for the first")
def last_index_of_tuples():
    """`path[-1].idx == 0` is every weight matrix, and no bias of the first layer."""

    @functools.cache
    def partitioned(optimizer):
        def labels(params):
            return jax.tree_util.tree_map_with_path(
                lambda path, _: "frozen" if path[-1].idx == 0 else "trained", params
            )

        return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)

    def create(seed, batch, optimizer):
        params, tx = layers(jax.random.key(seed), batch.x.shape[1]), partitioned(optimizer)
        return State(params, tx.init(params), tx)

    return LinenTrainer(create, plain_stepping(through_layers), frozen=("0",), optimizers=SGD)


@specimen(law="frozen-value", seen="`keystr(path).startswith` with another spelling of a path")
def keystr_of_a_state():
    """`keystr` of a path in an `nnx.State` begins with a bracket, and never with the name."""

    @functools.cache
    def partitioned(optimizer):
        def labels(state):
            return jax.tree_util.tree_map_with_path(
                lambda path, _: (
                    "frozen" if jax.tree_util.keystr(path).startswith("body") else "trained"
                ),
                state,
            )

        return optax.multi_transform({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)

    return LinenTrainer(create_pure(partitioned), step_pure, frozen=("body",), optimizers=SGD)


# Their own optimizers and noise.


@specimen(law="frozen-value", seen="`weight_decay` in a training script that froze with SGD once")
def decay_of_zeroed_gradients():
    """The program has its own adamw, which decays leaves without a gradient."""

    @jax.jit
    def step(state, batch):
        def of(params):
            return cross_entropy(state.apply_fn({"params": params}, batch.x), batch.y)

        value, grads = jax.value_and_grad(of)(state.params)
        grads["body"] = jax.tree.map(jnp.zeros_like, grads["body"])
        return state.apply_gradients(grads=grads), value

    adamw = optax.adamw(0.1)
    create = create_for(Images(), lambda optimizer: adamw)
    return LinenTrainer(create, step, frozen=("body",), batches=pictures)


@specimen(law="trainable-moves", seen="an optimizer that was built before the head was replaced")
def head_unknown_to_its_optimizer():
    """The program has its own optimizer, in which the head is frozen with the body."""
    everything = optax.chain(optax.adam(0.1), optax.set_to_zero())
    create = create_for(Images(), lambda optimizer: everything)
    return LinenTrainer(create, stepping(cross_entropy), frozen=("body",), batches=pictures)


@specimen(law="trainable-moves", seen="a warm-up from zero in front of `optax.contrib.prodigy`")
def lost_at_a_rate_of_zero():
    """The program's own optimizer divides 0 by 0 in its first step; the head is NaN for good."""
    prodigy = optax.contrib.prodigy(optax.linear_schedule(0.0, 1.0, 10))
    labels = {"body": "frozen", "head": "trained"}
    tx = optax.partition({"trained": prodigy, "frozen": optax.set_to_zero()}, labels)
    create = create_for(Images(), lambda optimizer: tx)
    return LinenTrainer(create, stepping(cross_entropy), frozen=("body",), batches=pictures)


class Dropping(Pair):
    """A model with Dropout behind the frozen layer."""

    def __init__(self, inputs, *, rngs):
        """Add the Dropout."""
        super().__init__(inputs, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        """Predict one column."""
        return self.head(self.dropout(nnx.relu(self.body(x))))


@specimen(law="frozen-value", seen="noise in a frozen layer, as a regulariser")
def noise_on_frozen_weights():
    """Dropout is applied to the frozen weights in place, instead of to what they make of inputs."""
    rest = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("body")))

    def create(seed, batch, optimizer):
        model = Dropping(batch.x.shape[1], rngs=nnx.Rngs(seed))
        return model, nnx.Optimizer(model, optimizer, wrt=rest)

    @nnx.jit
    def step(model, optimizer, batch):
        def mse(model):
            return jnp.mean((model(batch.x) - batch.y) ** 2)

        loss, grads = nnx.value_and_grad(mse, argnums=nnx.DiffState(0, rest))(model)
        optimizer.update(model, grads)
        model.body.kernel[...] = model.dropout(model.body.kernel[...])
        return loss

    return NnxTrainer(create, step, frozen=("body",), optimizers=SGD)
