"""Faults that no law refutes, kept so that nobody takes a green report for more than it says.

Each has the law None. A law that comes to refute one is progress: move the specimen then.
"""

from frostproof.reference.specimens.linen_recipe import LINEN
from frostproof.reference.specimens.nnx_recipe import NNX
from frostproof.reference.specimens.recipe import float_array, freeze_nothing
from frostproof.reference.specimens.specimen import specimen


@specimen(law=None, seen="a norm taken once and printed twice")
@LINEN.replacing("answer", freeze=freeze_nothing)
def norm_before_reported_twice(loss, after, before):
    """The kernel trains, and its initial norm is reported for both.

    A correct program that restores the frozen weights after the update looks the same.
    """
    return float_array(loss, before, before)


norm_before_reported_twice_nnx = NNX.twin(norm_before_reported_twice)


@specimen(law=None, kind="linen", seen="a debugging switch left in")
def leak_for_one_seed(seed, x, y, lr):
    """One seed in four billion trains the frozen layer: random drawing will not meet it."""
    recipe = _LEAKING if seed == 3141592653 else LINEN
    return recipe.exercise(seed, x, y, lr)


_LEAKING = LINEN.with_parts({"freeze": freeze_nothing})
