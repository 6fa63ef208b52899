"""Draws single values: seeds, shapes of a batch, learning rates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

#: Where int32, float32 (24 bits), float16 (11 bits) and uint16 begin to differ from uint32.
_SEED_EDGES = (2**32 - 1, 2**31, 2**31 - 1, 2**24 + 1, 2**24, 2**16, 2**11 + 1)
_LARGEST_RATE = 3.4e38  # beyond float32 it is inf, and inf * 0 turns a zeroed gradient into NaN


def seeds() -> st.SearchStrategy[int]:
    """Draw a seed in [0, 2**32), often near the limits of other types; shrinks to 0."""
    return st.one_of(
        st.integers(0, 100),
        st.integers(0, 2**32 - 1),
        st.integers(2**24, 2**32 - 1),
        st.integers(2**31, 2**32 - 1),
        st.sampled_from(_SEED_EDGES),
    )


def learning_rates() -> st.SearchStrategy[float]:
    """Draw an ordinary rate; shrinks to 1.

    They reach 1e3, so that a leak proportional to the rate outgrows every rounding bound.
    """
    return st.one_of(
        st.sampled_from((1.0, 0.1, 0.01, 10.0, 0.5, 1e-3, 100.0, 1000.0)),
        st.floats(1e-4, 1e3),
    )


def extreme_learning_rates() -> st.SearchStrategy[float]:
    """Draw a rate that is zero, negative, tiny or huge, but finite in float32; shrinks to 0."""
    return st.one_of(
        st.sampled_from((0.0, -1.0, 1e-38, 1e-45, _LARGEST_RATE, -_LARGEST_RATE)),
        st.floats(-_LARGEST_RATE, _LARGEST_RATE),
    )


class Shape(NamedTuple):
    """Rows N, features D and outputs of a batch."""

    rows: int
    features: int
    outputs: int


#: In every pool, the plainest first: one row, one feature, primes, powers of two, more outputs
#: than hidden units, a wide and a tall batch.
EDGES = (
    Shape(1, 1, 1),
    Shape(2, 1, 2),
    Shape(2, 2, 1),
    Shape(1, 3, 1),
    Shape(5, 3, 2),
    Shape(8, 4, 4),
    Shape(17, 2, 3),
    Shape(3, 64, 3),
    Shape(4096, 64, 1),
)

_ROWS = (3, 4, 6, 7, 9, 13, 16, 31, 32, 64, 100, 127, 128, 257, 512, 1000, 1024)
_FEATURES = (1, 2, 3, 5, 7, 8, 10, 13, 16, 17, 31, 32, 48, 61)
_OUTPUTS = (1, 1, 2, 3, 5, 8)
_POOL_SIZE = 12


def pool(rotation: int = 0) -> tuple[Shape, ...]:
    """Return twelve shapes: the edges, and others that change with `rotation`.

    Few, since each new shape is a compilation.
    """
    generator = np.random.default_rng(rotation)
    others = (
        Shape(*(int(generator.choice(sizes)) for sizes in (_ROWS, _FEATURES, _OUTPUTS)))
        for _ in range(_POOL_SIZE - len(EDGES))
    )
    return (*EDGES, *others)
