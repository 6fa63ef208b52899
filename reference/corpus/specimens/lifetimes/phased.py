"""Faulty trainers whose frozen set depends on the step: their phases are not those named."""

import jax
import jax.numpy as jnp
from flax import nnx

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as nnx_recipe
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    mse,
    stepping,
    trainer,
    where,
    within,
)

SGD = Optimizers("sgd")
_in_body = within(BODY)


def thawing_after(steps):
    """Return a step that puts the body back after each of so many steps, and trains it then."""

    def put_back(old, new):
        held = old.step < steps
        body = where(_in_body, lambda n, o: jnp.where(held, o, n), new.params, old.params)
        return new.replace(params=body)

    return stepping(after=put_back)


def phased(frozen, step):
    """Return a trainer with phases."""
    return trainer(frozen, Layers(), creating(Layers()), step, optimizers=SGD)


@specimen(
    law="frozen-value",
    seen="a schedule of unfreezing that counts from 0, and a plan that counts from 1",
    needs=Needs("the step that is too early", steps=2),
)
def thawed_a_step_early():
    """The body is to be frozen for two steps, and trains in the second one."""
    return phased(lambda step: BODY if step <= 2 else (), thawing_after(1))


@specimen(
    law="trainable-moves",
    seen="made up: a schedule of unfreezing that counts from 0, and a plan that counts from 1",
    needs=Needs("the step in which it thaws", steps=2),
)
def thawed_a_step_late():
    """The body is to be frozen for one step, and stays in the second one as well."""
    return phased(lambda step: BODY if step <= 1 else (), thawing_after(2))


@specimen(
    law="trainable-moves",
    seen="a schedule of unfreezing in epochs, and a plan in steps",
    needs=Needs("a step after the thaw", steps=2),
)
def never_thawed():
    """The body is to train from the second step on, and is put back for ever."""
    return phased(lambda step: BODY if step == 1 else (), thawing_after(1_000_000))


@specimen(
    law="frozen-value",
    seen="a generator and a discriminator that train in turns, under one optimizer",
    needs=Needs("a step after one in which the layer trained", steps=2),
)
def momentum_of_its_last_turn():
    """The layers train in turns, and the momentum of its last turn moves the one that waits."""

    def create(seed, batch, optimizer):
        model, optimizer = nnx_recipe.creating()(seed, batch, optimizer)
        optimizer.turn = nnx.Variable(jnp.zeros((), jnp.int32))
        return model, optimizer

    @nnx.jit
    def step(model, optimizer, batch):
        value, grads = nnx.value_and_grad(nnx_recipe.mse)(model, batch)
        first = optimizer.turn[...] % 2 == 0
        for name, trains in (("l1", first), ("l2", ~first)):
            grads[name] = jax.tree.map(lambda g, now=trains: jnp.where(now, g, 0), grads[name])
        optimizer.update(model, grads)
        optimizer.turn[...] += 1
        return value

    return NnxTrainer(
        create,
        step,
        frozen=lambda step: ("l2",) if step % 2 else ("l1",),
        optimizers=Optimizers("momentum", rates=(0.1,)),
    )


@specimen(
    law="frozen-optimizer-state",
    seen="a freeze half way, for which the gradients are set to zero, under a momentum",
    needs=Needs("a step after the freeze", steps=2),
)
def momentum_that_fades_while_frozen():
    """From the second step on the body is put back, and its momentum goes on without gradients."""

    @jax.jit
    def step(state, batch):
        def loss(params):
            return mse(state.apply_fn({"params": params}, batch.x), batch.y)

        held = state.step >= 1
        value, grads = jax.value_and_grad(loss)(state.params)
        grads = where(_in_body, lambda g: jnp.where(held, 0, g), grads)
        new = state.apply_gradients(grads=grads)
        body = where(_in_body, lambda n, o: jnp.where(held, o, n), new.params, state.params)
        return new.replace(params=body), value

    return trainer(
        lambda step: () if step == 1 else BODY,
        Layers(),
        creating(Layers()),
        step,
        optimizers=Optimizers("momentum"),
        promise=("selected", "value", "inert"),
    )
