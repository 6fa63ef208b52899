"""Faulty Optax wrappers that freeze what they are told, and fail where that is nothing, all, twice,
in parts, once more, or compiled.
"""

import jax
import optax

from frostproof import OptaxFreeze, Optimizers
from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.wrapper_recipe import partitioned, rate_halved

FEW = Optimizers("sgd", "momentum", rates=(0.1,))


@specimen(law="freeze-nothing", seen="`if not any(mask)` taken for “no mask was given”")
def empty_means_everything():
    """A mask without a frozen leaf freezes all of them."""

    def wrap(optimizer, mask):
        none = not any(jax.tree.leaves(mask))
        return partitioned(optimizer, jax.tree.map(lambda frozen: True, mask) if none else mask)

    return OptaxFreeze(wrap, optimizers=FEW)


@specimen(law="freeze-nothing", seen="a rate for fine-tuning that the freeze brings along")
def rate_halved_by_the_freeze():
    """The wrapper freezes some leaves, and halves the updates of all."""
    return OptaxFreeze(rate_halved, optimizers=FEW)


@specimen(law="freeze-twice", seen="a wrapper that is applied by the recipe and by its caller")
def rate_halved_by_each_freeze():
    """Each application of the freeze halves the updates once more."""
    return OptaxFreeze(rate_halved, optimizers=FEW)


@specimen(law="freeze-everything", seen="an optimizer that refuses to train no parameter at all")
def all_means_none():
    """A mask of nothing but frozen leaves is taken for a mistake, and not applied."""

    def wrap(optimizer, mask):
        return optimizer if all(jax.tree.leaves(mask)) else partitioned(optimizer, mask)

    return OptaxFreeze(wrap, optimizers=FEW)


class Replacing:
    """A freeze whose last mask replaces the one before it."""

    def __init__(self, optimizer, mask):
        """Unwrap what is frozen already."""
        self.optimizer = getattr(optimizer, "optimizer", optimizer)
        self.init, self.update = partitioned(self.optimizer, mask)


@specimen(law="freeze-order", seen="`requires_grad` lists that are set anew by each stage")
def last_mask_alone():
    """Of two masks the last one holds alone, and leaves of the first one train again."""
    return OptaxFreeze(Replacing, optimizers=FEW)


LIFE = {"calls": 0}


def forget():
    """Begin a new life, as a new process would."""
    LIFE["calls"] = 0


class Counting:
    """Updates get longer over the life of the process."""

    def __init__(self, optimizer, mask):
        """Freeze as is right."""
        self.init, self.frozen = partitioned(optimizer, mask)

    def update(self, updates, state, params=None):
        """Count a global, and scale by it."""
        LIFE["calls"] += 1
        updates, state = self.frozen(updates, state, params)
        return jax.tree.map(lambda u: u * (1 + LIFE["calls"] / 64), updates), state


@specimen(law="repeatable", seen="a warm-up that counts in a global variable")
def warm_up_over_the_process():
    """The scale of the updates grows with every step that the process has made."""
    return OptaxFreeze(Counting, optimizers=FEW)


@specimen(law="eager-equals-jit", seen="`isinstance(x, Tracer)` in a library, to save a check")
def less_under_jit():
    """Under a tracer the updates are a tenth shorter."""

    def wrap(optimizer, mask):
        made = partitioned(optimizer, mask)

        def update(updates, state, params=None):
            traced = isinstance(jax.tree.leaves(updates)[0], jax.core.Tracer)
            updates, state = made.update(updates, state, params)
            return jax.tree.map(lambda u: u * 0.9, updates) if traced else updates, state

        return optax.GradientTransformation(made.init, update)

    return OptaxFreeze(wrap, optimizers=FEW)
