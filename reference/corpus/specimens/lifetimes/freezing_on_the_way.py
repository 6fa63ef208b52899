"""Faulty trainers that freeze in the middle of training, and change more than that, or less."""

from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
from flax import nnx

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.refreezing_recipe import refreeze, trainer

TWO = Needs("a step before the freeze, and one after it", steps=2)


@specimen(
    law="freezing-spares-the-rest",
    seen="an optimizer made anew as each phase of gradual unfreezing begins",
    needs=TWO,
)
def momentum_starts_again():
    """To freeze makes the optimizer's state anew, and the head loses its momentum."""

    def anew(state, frozen):
        return refreeze(state.replace(opt_state=state.opt.init(state.params)), frozen)

    return trainer(refreeze=anew, optimizers=Optimizers("momentum", rates=(0.1,)))


@specimen(
    law="freezing-spares-the-rest",
    seen="step counters set to zero, for a schedule that starts with the phase",
    needs=TWO,
)
def counters_start_again():
    """To freeze sets all counters to zero, and Adam corrects moments of the head as if fresh."""

    def zeroed(leaf):
        return jnp.zeros_like(leaf) if jnp.issubdtype(leaf.dtype, jnp.integer) else leaf

    def counting(state, frozen):
        return refreeze(state.replace(opt_state=jax.tree.map(zeroed, state.opt_state)), frozen)

    return trainer(refreeze=counting, optimizers=Optimizers("adam", rates=(0.1,)))


@specimen(
    law="refreezing-keeps-bits",
    seen="frozen and trainable weights kept apart, and added up again",
    needs=Needs("a step, a change of what is frozen, and a step", steps=2),
)
def leaves_added_up():
    """Each leaf is split into a frozen and a trainable part whose sum it is: −0 becomes 0."""

    def split(state, frozen):
        params = jax.tree.map(lambda leaf: leaf + jnp.zeros_like(leaf), state.params)
        return refreeze(state.replace(params=params), frozen)

    return trainer(refreeze=split, promise=("selected", "bits"))


class Kept(nnx.Variable):
    """A frozen leaf: the optimizer, which trains each `nnx.Param`, leaves it out."""


def _freeze_by_type(model, optimizer, frozen):
    for name in ("kernel", "bias"):
        kind = Kept if name in frozen else nnx.Param
        setattr(model, name, kind(getattr(model, name)[...]))
    return model, nnx.Optimizer(model, getattr(optimizer, "tx", optimizer), wrt=nnx.Param)


@specimen(
    law="unfreeze-resumes",
    seen="`nnx.cached_partial` in a training whose layers thaw by their type",
    needs=Needs("a step before it is unfrozen, and one after it", steps=2),
)
def step_of_the_first_phase():
    """The step is cached with the model as it was: after the thaw it goes on with the old one."""
    steps = WeakKeyDictionary()

    def create(seed, batch, optimizer):
        linear = nnx.Linear(batch.x.shape[1], 1, rngs=nnx.Rngs(seed))
        return _freeze_by_type(linear, optimizer, ("kernel",))

    @nnx.jit
    def step(model, optimizer, batch):
        def error(model):
            return jnp.mean((model(batch.x) - batch.y) ** 2)

        loss, grads = nnx.value_and_grad(error)(model)
        optimizer.update(model, grads)
        return loss

    def train_step(model, optimizer, batch):
        if model not in steps:
            steps[model] = nnx.cached_partial(step, model, optimizer)
        return steps[model](batch)

    return NnxTrainer(create, train_step, frozen=("kernel",), refreeze=_freeze_by_type)
