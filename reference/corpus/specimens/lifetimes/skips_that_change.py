"""Faulty trainers that skip a step for some of what they carry, and not for all."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as linen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as nnx_recipe

MOMENTUM = Optimizers("momentum", rates=(0.01,))
LATER = Needs("a step that is skipped after one that is not", steps=2)
LIMIT = 5.0


def is_finite(tree):
    """Tell whether no leaf of a tree holds NaN or an infinity."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


def losing(params, state, batch):
    """Return the loss of a state with these parameters."""
    return linen.mse(state.apply_fn({"params": params}, batch.x), batch.y)


@specimen(
    law="skipped-steps-change-nothing",
    seen="`jnp.where(isfinite, g, 0)`, in loops that say that they skip a batch",
    needs=LATER,
)
def gradients_set_to_zero():
    """A gradient that is not finite is replaced by zeros, and the momentum goes on."""

    def cleaned(grads):
        fine = is_finite(grads)
        return jax.tree.map(lambda g: jnp.where(fine, g, 0.0), grads)

    return linen.trainer(
        step=linen.stepping(cleaned),
        skips=jax.jit(
            lambda state, batch: ~is_finite(jax.grad(losing)(state.params, state, batch))
        ),
        optimizers=MOMENTUM,
    )


class Counted(TrainState):
    """A state with statistics."""

    batch_stats: Any


class Normed(nn.Module):
    """A layer with statistics between two others."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        hidden = nn.Dense(4, name="body")(x)
        hidden = nn.BatchNorm(use_running_average=False, name="norm")(hidden)
        return nn.Dense(1, name="head")(hidden)


@specimen(
    law="skipped-steps-change-nothing",
    seen="mixed precision with BatchNorm: the running mean is NaN after the first overflow",
    needs=LATER,
)
def statistics_take_in_the_batch():
    """Parameters and optimizer are put back, and the statistics of the bad batch stay."""
    model = Normed()

    def create(seed, batch, optimizer):
        variables = model.init(jax.random.key(seed), batch.x)
        tx = linen.partitioned(optimizer, linen.within(linen.BODY))
        return Counted.create(apply_fn=model.apply, tx=tx, **variables)

    def loss(params, state, batch):
        variables = {"params": params, "batch_stats": state.batch_stats}
        prediction, new = state.apply_fn(variables, batch.x, mutable=["batch_stats"])
        return linen.mse(prediction, batch.y), new["batch_stats"]

    @jax.jit
    def step(state, batch):
        (value, statistics), grads = jax.value_and_grad(loss, has_aux=True)(
            state.params, state, batch
        )
        new = state.apply_gradients(grads=grads)
        kept = jax.tree.map(functools.partial(jnp.where, jnp.isfinite(value)), new, state)
        return kept.replace(batch_stats=statistics), value

    @jax.jit
    def skips(state, batch):
        return ~jnp.isfinite(loss(state.params, state, batch)[0])

    return LinenTrainer(create, step, frozen=linen.BODY, skips=skips, optimizers=MOMENTUM)


@specimen(
    law="skipped-steps-change-nothing",
    seen="a limit on the norm that is looked at behind `optimizer.update`",
    needs=Needs("a gradient beyond the limit", steps=2),
)
def optimizer_updated_before_the_limit():
    """The parameters are put back where the norm is too large; the optimizer has counted it."""
    trained = nnx_recipe.all_but("l1")

    def gradients(model, batch):
        return nnx.value_and_grad(nnx_recipe.mse, argnums=nnx.DiffState(0, trained))(model, batch)

    @nnx.jit
    def step(model, optimizer, batch):
        value, grads = gradients(model, batch)
        old = jax.tree.map(jnp.copy, nnx.state(model))
        optimizer.update(model, grads)
        fine = optax.global_norm(grads) <= LIMIT
        kept = jax.tree.map(lambda new, old: jnp.where(fine, new, old), nnx.state(model), old)
        nnx.update(model, kept)
        return value

    @nnx.jit
    def skips(model, batch):
        return ~(optax.global_norm(gradients(model, batch)[1]) <= LIMIT)

    return NnxTrainer(
        nnx_recipe.creating(wrt=trained),
        step,
        frozen=("l1",),
        skips=skips,
        optimizers=Optimizers("adam", rates=(0.01,)),
    )
