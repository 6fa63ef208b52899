"""Subtrees of parameters that begin alike: the fast and slow weights of lookahead."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from .comparison import same_bits
from .paths import Path

Arrays = Mapping[Path, np.ndarray]


def originals(params: Arrays) -> dict[Path, Path]:
    """Return, for each leaf of a second subtree at the top, the leaf of the first that it copies.

    Two subtrees are twins if they have the same paths and bits. Constants tell nothing: the biases
    of two layers are zeros without being copies.
    """
    subtrees: dict[str, dict[Path, np.ndarray]] = {}
    for path, array in params.items():
        if len(path) > 1:
            subtrees.setdefault(path[0], {})[path[1:]] = array
    found: dict[Path, Path] = {}
    for first, second in combinations(subtrees, 2):
        if _are_twins(subtrees[first], subtrees[second]):
            for path in subtrees[second]:
                found.setdefault((second, *path), (first, *path))
    return found


def _are_twins(one: Arrays, other: Arrays) -> bool:
    if one.keys() != other.keys() or all((leaf == leaf.flat[:1]).all() for leaf in one.values()):
        return False
    return all(same_bits(one[path], other[path]) for path in one)
