"""Faulty trainers whose fault does not show in the first steps, or while gradients accumulate."""

import functools

import jax.numpy as jnp
import optax

from frostproof import Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes import nnx_training_recipe as nnx_recipe
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    partitioned,
    stepping,
    trainer,
    where,
    within,
    zeroing,
)

SGD = Optimizers("sgd", rates=(0.1,))
_in_body = within(BODY)


@specimen(
    law="frozen-value",
    seen="`if step >= warmup_steps` in front of an unfreeze that somebody forgot",
    needs=Needs("the five steps of the warm-up", steps=8),
)
def thawed_after_a_warm_up():
    """The body is frozen for five steps, and trains from the sixth on."""

    def after(old, new):
        held = where(_in_body, lambda n, o: jnp.where(old.step < 5, o, n), new.params, old.params)
        return new.replace(params=held)

    return trainer(create=creating(Layers()), step=stepping(after=after), optimizers=SGD)


@functools.cache
def _accumulating(optimizer):
    chained = optax.chain(optax.add_decayed_weights(0.1), optimizer)
    return optax.MultiSteps(chained, 4).gradient_transformation()


@specimen(
    law="frozen-value",
    seen="weight decay and accumulation, in a script that froze with neither",
    needs=Needs("the step that applies what was accumulated", steps=4),
)
def decay_with_each_accumulated_update():
    """The gradients of the body are zero, and each fourth step decays it."""
    create = creating(Layers(), _accumulating)
    return trainer(create=create, step=stepping(zeroing(_in_body)), optimizers=SGD)


@specimen(
    law="trainable-moves", seen="an accumulator in the state that a step rebuilds from nothing"
)
def accumulation_thrown_away():
    """Each step begins to accumulate anew, so that no fourth gradient ever comes."""

    @functools.cache
    def accumulating(optimizer):
        return optax.MultiSteps(optimizer, 4).gradient_transformation()

    train = nnx_recipe.stepping(wrt=nnx_recipe.all_but("l1"))

    def step(model, optimizer, batch):
        value = train(model, optimizer, batch)
        kept = optimizer.opt_state.mini_step
        kept[...] = jnp.zeros_like(kept[...])
        return value

    create = nnx_recipe.creating(wrt=nnx_recipe.all_but("l1"), wrap=accumulating)
    return nnx_recipe.NnxTrainer(create, step, frozen=("l1",), optimizers=SGD)


@functools.cache
def _shared_out(optimizer):
    return partitioned(optax.chain(optimizer, optax.scale(1 // 4)), _in_body)


@specimen(law="trainable-moves", seen="`1 // accumulated`, the share of a step, in Python 3")
def rate_divided_to_zero():
    """The updates are scaled by 1 // 4, which is zero: nothing trains at all."""
    return trainer(create=creating(Layers(), _shared_out), optimizers=SGD)
