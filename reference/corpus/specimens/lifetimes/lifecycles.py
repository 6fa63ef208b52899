"""Faulty trainers whose first steps are right, and which fail to freeze again, resume or last."""

import functools

import jax
import jax.numpy as jnp

from frostproof import LinenTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.refreezing_recipe import (
    FEW,
    create,
    refreeze,
    step,
    trainer,
    zeroing_step,
)


@specimen(law="batch-untouched", seen="normalisation in place, in a NumPy pipeline")
def batch_changed_in_place():
    """The step centres its batch in place, and the next epoch centres it again."""

    def train(state, batch):
        new = step(state, batch)
        batch.x[...] -= 1
        return new

    return trainer(step=train)


# What is compiled too often.


@specimen(
    law="compiles-once",
    seen="`jax.jit(lambda …)` inside of the training loop",
    needs=Needs("the law is about four steps", steps=4),
)
def compiled_in_each_step():
    """Each step makes a new function, and compiles it."""
    return trainer(
        step=lambda state, batch: jax.jit(lambda *given: step.__wrapped__(*given))(state, batch)
    )


@functools.partial(jax.jit, static_argnames="number")
def numbered(state, batch, number):
    """Take a step whose number is static."""
    return step.__wrapped__(state, batch)


@specimen(
    law="compiles-once",
    seen="an epoch number among the static arguments",
    needs=Needs("the law is about four steps", steps=4),
)
def number_of_the_step_is_static():
    """The number of a step is a static argument, so that no step is compiled like another."""
    life = {"number": 0}

    def begin(seed, batch, opt):
        life["number"] = 0
        return create(seed, batch, opt)

    def train(state, batch):
        life["number"] += 1
        return numbered(state, batch, life["number"])

    return trainer(begin, train)


# What is frozen later.


def body_or_nothing(state, frozen):
    """Freeze the body, whatever else is asked for."""
    return refreeze(state, ("body",) if frozen else ())


@specimen(law="freeze-everything", seen="a flag `freeze_backbone` behind a list of names")
def freezes_the_body_only():
    """To freeze everything freezes the body, the only thing it knows."""
    return trainer(refreeze=body_or_nothing)


@specimen(
    law="lifecycle", seen="parameters created after the freeze: a new head is not in the list"
)
def leaves_of_a_fixed_list():
    """Leaves are looked up in a list of the first day, and what was not on it trains."""
    return trainer(refreeze=body_or_nothing)


def scaling(state, frozen):
    """Freeze, and rescale what is there."""
    params = jax.tree.map(lambda leaf: leaf * 1.01, state.params)
    return refreeze(state.replace(params=params), frozen)


@specimen(law="freeze-twice", seen="weights that are folded or rescaled as they are frozen")
def weights_scaled_by_each_freeze():
    """To freeze rescales the weights, and to freeze twice does it twice."""
    return trainer(refreeze=scaling)


@specimen(
    law="lifecycle",
    seen="weights that are folded or rescaled as they are frozen",
    needs=Needs("a step before the second freeze, and one after it", steps=2),
)
def weights_scaled_between_the_steps():
    """What is frozen already is rescaled when something else is frozen too."""
    return trainer(refreeze=scaling)


@specimen(
    law="unfreeze-resumes",
    seen="an optimizer built once, for the frozen set of that day",
    needs=Needs("a step before it is unfrozen, and one after it", steps=2),
)
def never_unfrozen():
    """To unfreeze changes nothing: the body stays as it is."""
    return trainer(refreeze=lambda state, frozen: state)


@specimen(
    law="frozen-warm-state",
    seen="gradual freezing under momentum",
    needs=Needs("a step before the freeze, and one after it", steps=2),
)
def momentum_goes_on():
    """Gradients are zeroed from now on, and the momentum of earlier steps moves the body."""
    return trainer(step=zeroing_step)


@specimen(
    law="frozen-warm-state",
    seen="gradual freezing under Adam",
    needs=Needs("a step before the freeze, and one after it", steps=2),
)
def moments_go_on():
    """Gradients are zeroed from now on, and the first moment of Adam moves the body."""
    return trainer(step=zeroing_step, optimizers=Optimizers("adam"))


@specimen(
    law="lifecycle",
    seen="a frozen set in the trainer object, beside the state it saves",
    needs=Needs("a step before the state is restored, and one after it", steps=2),
)
def frozen_set_outside_of_the_state():
    """A restored state comes back with the frozen set of the moment, not with its own."""
    now = {"body"}

    def change(state, frozen):
        now.clear()
        now.update(frozen)
        return state

    def begin(seed, batch, opt):
        change(None, ("body",))
        return create(seed, batch, opt)

    return trainer(begin, lambda state, batch: step(refreeze(state, now), batch), change)


# What a checkpoint does not hold.


@specimen(
    law="restored-equals-saved",
    seen="a warm-up that counts in an attribute of the trainer",
    needs=Needs("a step before the checkpoint, and one after it", steps=2),
)
def rate_outside_of_the_state():
    """Steps are twice as long once it has trained, which is kept in no state."""
    life = {"trained": False}

    def begin(seed, batch, opt):
        life["trained"] = False
        return create(seed, batch, opt)

    def train(state, batch):
        new, value = step(state, batch)
        if life["trained"]:
            new = new.replace(params=jax.tree.map(lambda p, n: 2 * n - p, state.params, new.params))
        life["trained"] = True
        return new, value

    return trainer(begin, train)


@specimen(
    law="restored-equals-saved",
    seen="a head that is kept beside the backbone's state",
    needs=Needs("a step before the checkpoint, and one after it", steps=2),
)
def head_outside_of_the_state():
    """The head is kept in no state, and a checkpoint loses it."""
    life = {}

    def begin(seed, batch, opt):
        state = create(seed, batch, opt)
        life["head"] = state.params["head"]
        return state

    def whole(state):
        return {**state.params, "head": life["head"]}

    def train(state, batch):
        new, value = step(state.replace(params=whole(state)), batch)
        life["head"] = new.params["head"]
        return new.replace(params={**new.params, "head": jnp.zeros(1)}), value

    return LinenTrainer(begin, train, params=whole, frozen=("body",), optimizers=FEW)
