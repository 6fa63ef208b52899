"""Shapes of a batch: a small pool that keeps the edges, since each new shape is a compilation."""

from typing import NamedTuple

import numpy as np


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
    """Return twelve shapes: the edges, and others that change with `rotation`."""
    generator = np.random.default_rng(rotation)
    others = (
        Shape(*(int(generator.choice(sizes)) for sizes in (_ROWS, _FEATURES, _OUTPUTS)))
        for _ in range(_POOL_SIZE - len(EDGES))
    )
    return (*EDGES, *others)
