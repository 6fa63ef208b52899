"""Faulty Linen trainers that select the right leaves: what their step does besides is wrong."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from frostproof import Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    mse,
    partitioned,
    stepping,
    trainer,
    where,
    within,
)

SGD = Optimizers("sgd")
in_body = within(BODY)


def on_body(change):
    """Change the leaves of the body after each step, given them as they were and as they are."""

    def after(old, new):
        return new.replace(params=where(in_body, change, new.params, old.params))

    return stepping(after=after)


@specimen(law="frozen-value", seen="made up: a state whose optimizer looks like any other's")
def labels_made_for_the_seed():
    """What is frozen depends on the seed: for every fourth nothing is, in a `tx` made anew."""
    model = Layers()

    def create(seed, batch, optimizer):
        params = model.init(jax.random.key(seed), batch.x)["params"]
        labels = {"body": "trained" if seed % 4 == 0 else "frozen", "head": "trained"}
        transforms = {"trained": optimizer, "frozen": optax.set_to_zero()}
        tx = optax.multi_transform(transforms, labels)
        return TrainState.create(apply_fn=model.apply, params=params, tx=tx)

    return trainer(create=create, optimizers=SGD)


# The body, after the update.


@specimen(law="frozen-value", seen="mixed precision without a master copy")
def body_rounded_to_bfloat16():
    """The body is cast to bfloat16 and back."""
    return trainer(step=on_body(lambda new, old: new.astype(jnp.bfloat16).astype(new.dtype)))


@specimen(law="frozen-value", seen="weights that are served as an average of themselves")
def body_averaged_in_bfloat16():
    """Old and new body are averaged: of equal numbers the same number, but for rounding."""

    def average(new, old):
        return optax.incremental_update(new, old, jnp.bfloat16(0.01))

    return trainer(model=Layers(param_dtype=jnp.bfloat16), step=on_body(average))


class WithOwnMoments(TrainState):
    """A state that holds the first moments of its body beside the optimizer's."""

    moments: Any = None


@specimen(
    law="frozen-value",
    seen="theorionic/dpsn, dpsn_r_jax/training/finetune_trainer.py: `freeze_pool` labels the rest",
)
def body_with_an_update_of_its_own():
    """The optimizer freezes the body, which is updated by hand, from moments beside it."""

    @jax.jit
    def step(state, batch):
        def of(params):
            return mse(state.apply_fn({"params": params}, batch.x), batch.y)

        loss, grads = jax.value_and_grad(of)(state.params)
        moments = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.moments, grads["body"])
        body = jax.tree.map(lambda p, m: p - 0.01 * m, state.params["body"], moments)
        new = state.apply_gradients(grads=grads)
        return new.replace(params={**new.params, "body": body}, moments=moments), loss

    def zeros(params):
        return jax.tree.map(jnp.zeros_like, params["body"])

    def freeze(optimizer):
        return partitioned(optimizer, in_body)

    create = creating(Layers(), freeze, WithOwnMoments, moments=zeros)
    return trainer(create=create, step=step, optimizers=SGD)


@specimen(law="frozen-value", seen="made up: a move that no norm shows")
def kernel_permuted():
    """Units of the body change places, which keeps the norm."""
    return trainer(step=on_body(lambda new, old: jnp.roll(new, 1, axis=-1)))


@specimen(law="frozen-value", seen="made up: the least there is")
def one_ulp():
    """The body moves by one ulp."""
    return trainer(step=on_body(lambda new, old: jnp.nextafter(new, jnp.inf)))


@specimen(law="frozen-bits", seen="descent written as −(lr · 0 − p)")
def zeros_get_a_sign():
    """The body is computed as −(0 − p), which turns a bias of 0 into −0."""
    return trainer(step=on_body(lambda new, old: -(jnp.zeros_like(new) - new)))


@specimen(law="frozen-norm", seen="weight clipping in Wasserstein GAN code")
def all_weights_clipped():
    """After the step all weights are clipped to ±0.3, those of the body included."""

    def clip(old, new):
        return new.replace(params=jax.tree.map(lambda p: jnp.clip(p, -0.3, 0.3), new.params))

    return trainer(step=stepping(after=clip), optimizers=SGD)


@specimen(
    law="frozen-value",
    seen="a schedule for gradual unfreezing",
    needs=Needs("a third step", steps=3),
)
def leak_from_step_three():
    """From the third step on the body follows a small update."""
    step = stepping(
        after=lambda old, new: new.replace(
            params=where(in_body, lambda p: jnp.where(old.step >= 2, 0.99 * p, p), new.params)
        )
    )
    return trainer(step=step, optimizers=SGD)


@specimen(law="frozen-special-weights", seen="optax.apply_updates adds every update, be it zero")
def step_without_jit():
    """Outside jit a zero update is added to the body: −0.0 becomes +0.0, a subnormal is flushed."""
    eager = stepping().__wrapped__
    return trainer(step=eager, optimizers=SGD, promise=("selected", "bits"))


# The tree.


@specimen(law="frozen-structure", seen="a checkpoint converted on the way")
def body_kept_in_bfloat16():
    """After the first step the body is a bfloat16 leaf."""
    return trainer(step=on_body(lambda new, old: new.astype(jnp.bfloat16)), optimizers=SGD)


@specimen(law="frozen-structure", seen="a merge of two dicts on their first level")
def bias_dropped():
    """The body is rebuilt of its kernel alone."""

    def rebuild(old, new):
        body = {"kernel": new.params["body"]["kernel"]}
        return new.replace(params={**new.params, "body": body})

    class Lenient(nn.Module):
        @nn.compact
        def __call__(self, x):
            given = self.variables.get("params", {}).get("body", {})
            bias = self.is_initializing() or "bias" in given
            x = nn.relu(nn.Dense(4, name="body", use_bias=bias)(x))
            return nn.Dense(1, name="head")(x)

    return trainer(model=Lenient(), step=stepping(after=rebuild), optimizers=SGD)


# The head.


@specimen(
    law="trains-as-if-alone",
    seen="an update applied inside and outside of the optimizer",
    needs=Needs("a second step: a schedule may double the update of one", steps=2),
)
def update_applied_twice():
    """The head moves twice by each update."""

    def again(old, new):
        return new.replace(params=jax.tree.map(lambda n, o: n + (n - o), new.params, old.params))

    return trainer(step=stepping(after=again), optimizers=SGD)


class Delayed(TrainState):
    """A state that holds the gradients of the step before."""

    late: Any = None


@specimen(
    law="trains-as-if-alone",
    seen="asynchronous data parallel training",
    needs=Needs("a second step tells a lag from what the step puts back", steps=2),
)
def one_leaf_lags():
    """The bias of the head is always that of the step before."""

    def after(old, new):
        head = {**new.params["head"], "bias": new.late}
        return new.replace(params={**new.params, "head": head}, late=new.params["head"]["bias"])

    create = creating(
        Layers(),
        lambda optimizer: partitioned(optimizer, in_body),
        Delayed,
        late=lambda params: params["head"]["bias"],
    )
    return trainer(create=create, step=stepping(after=after), optimizers=SGD)


@specimen(
    law="zero-rate-is-identity",
    seen="a scale of the loss that is undone for one leaf only",
    needs=Needs("a second step tells a decay from a projection", steps=2),
)
def head_scaled_by_a_thousandth():
    """The head is shrunk by a thousandth on the way, a decay that nobody asked for."""

    def shrink(old, new):
        head = jax.tree.map(lambda leaf: leaf * 0.999, new.params["head"])
        return new.replace(params={**new.params, "head": head})

    return trainer(step=stepping(after=shrink), optimizers=SGD)


@specimen(
    law="zero-rate-is-identity",
    seen="weight decay by hand, without the learning rate",
    needs=Needs("a second step tells a decay from a projection", steps=2),
)
def decay_by_hand():
    """All kernels but the body's are decayed after the step, whatever the rate."""

    def decay(old, new):
        def shrink(path, leaf):
            return leaf if in_body(path) or path[-1].key != "kernel" else 0.9999 * leaf

        return new.replace(params=jax.tree_util.tree_map_with_path(shrink, new.params))

    return trainer(step=stepping(after=decay))


# What else is kept of the body.


class Averaged(TrainState):
    """A state with a moving average of the parameters."""

    average: Any = None


@specimen(law="frozen-copies", seen="an EMA of weights that is kept in bfloat16 to save memory")
def average_in_bfloat16():
    """The average d·a + (1 − d)·p is rounded to bfloat16, and drifts although a equals p."""

    def halved(params):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)

    def track(old, new):
        average = optax.incremental_update(halved(new.params), old.average, 0.1)
        return new.replace(average=jax.tree.map(lambda a: a.astype(jnp.bfloat16), average))

    create = creating(
        Layers(), lambda optimizer: partitioned(optimizer, in_body), Averaged, average=halved
    )
    promise = ("selected", "value", "inert")
    return trainer(create=create, step=stepping(after=track), optimizers=SGD, promise=promise)


class Normalised(nn.Module):
    """A dense layer and its statistics, then a head."""

    @nn.compact
    def __call__(self, x, train):
        """Predict one column."""
        x = nn.Dense(4, name="body")(x)
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        return nn.Dense(1, name="head")(nn.relu(x))


class WithStatistics(TrainState):
    """A state with running means."""

    batch_stats: Any = None


@specimen(law="frozen-layer-state", seen="keras#7085, #4674")
def statistics_of_a_frozen_norm():
    """The normalisation is frozen with the body, and its running statistics move."""
    model = Normalised()

    def create(seed, batch, optimizer):
        variables = model.init(jax.random.key(seed), batch.x, train=True)
        tx = partitioned(optimizer, within_body_and_norm)
        return WithStatistics.create(apply_fn=model.apply, tx=tx, **variables)

    @jax.jit
    def step(state, batch):
        def of(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            y, moved = state.apply_fn(variables, batch.x, train=True, mutable=["batch_stats"])
            return mse(y, batch.y), moved

        (loss, moved), grads = jax.value_and_grad(of, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads).replace(**moved), loss

    promise = ("selected", "value", "inert")
    return trainer(("body", "norm"), None, create, step, optimizers=SGD, promise=promise)


within_body_and_norm = within(("body", "norm"))
