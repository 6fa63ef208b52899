"""Faults that no law refutes, kept so that nobody takes a green report for more than it says.

Each has the law None. A law that comes to refute one is progress: move the specimen then.
"""

import jax.numpy as jnp

from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    freeze_nothing,
    is_hidden_kernel,
    map_where,
)
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN, apply_updates


@specimen(law=None, seen="made up: a move that neither norm nor x-ray can see")
@LINEN.replacing("update")
def kernel_negated_after_the_update(weights, gradients, optimizer):
    """The frozen kernel is negated outside of the update that is observed."""
    moved = apply_updates(weights, gradients, optimizer)
    return map_where(is_hidden_kernel, jnp.negative, moved)


@specimen(law=None, seen="a new state that is computed and not returned")
@LINEN.replacing("update")
def update_thrown_away(weights, gradients, optimizer):
    """The update is right, and the old weights are kept in its place."""
    apply_updates(weights, gradients, optimizer)
    return weights


_LEAKING = LINEN.with_parts({"freeze": freeze_nothing})


@specimen(law=None, kind="linen", seen="a debugging switch left in")
def leak_for_one_seed(seed, x, y, lr):
    """One seed in four billion trains the frozen layer: random drawing will not meet it."""
    # Scrambled, for Hypothesis also draws the numbers that it finds in the source under test.
    scrambled = int(seed) * 2654435761 % 2**32
    recipe = _LEAKING if scrambled == 3141592653 else LINEN
    return recipe.exercise(seed, x, y, lr)
