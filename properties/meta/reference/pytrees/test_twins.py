"""Subtrees that begin alike are twins; constants tell nothing."""

import numpy as np

from frostproof.reference.pytrees.twins import originals

WEIGHTS, ZEROS = np.arange(4, dtype=np.float32), np.zeros(2, np.float32)


def tree(**layers):
    """The leaves `kernel` and `bias` of layers, by path."""
    return {
        (layer, name): leaf
        for layer, leaves in layers.items()
        for name, leaf in zip(("kernel", "bias"), leaves, strict=True)
    }


def test_the_second_of_two_twins_copies_the_first():
    """With its biases, which are zeros; and so does a third."""
    fast = (WEIGHTS, ZEROS)

    assert originals(tree(fast=fast, slow=fast, best=fast)) == {
        (layer, name): ("fast", name) for layer in ("slow", "best") for name in ("kernel", "bias")
    }


def test_layers_that_begin_with_other_weights_or_with_constants_are_no_twins():
    """A shared shape, and biases of zeros, are not a sign."""
    assert not originals(tree(one=(WEIGHTS, ZEROS), other=(WEIGHTS + 1, ZEROS)))
    assert not originals(tree(one=(ZEROS, ZEROS), other=(ZEROS, ZEROS)))
    assert not originals({("one",): WEIGHTS, ("other",): WEIGHTS})
