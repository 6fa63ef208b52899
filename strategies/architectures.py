"""Draws architectures, and the layers that are frozen in them."""

from __future__ import annotations

import functools

from hypothesis import strategies as st

from ..reference.problems.architecture import Architecture
from ..reference.problems.architecture_pool import DROPPING, NORMALISED, PLAIN, TIED

Drawn = tuple[Architecture, tuple[str, ...]]

#: The deep one takes twice as long as the others, and most laws are about plain ones.
_WEIGHTED = (*PLAIN[:-1] * 3, PLAIN[-1], TIED, NORMALISED, DROPPING)


def architectures(*pool: Architecture) -> st.SearchStrategy[Drawn]:
    """Draw an architecture, from a pool or from all, and the paths of layers that are frozen.

    Shrinks to the first of the pool, which is two layers, with its first layer frozen.
    """
    return st.sampled_from(pool or _WEIGHTED).flatmap(_network)


@functools.cache
def _network(architecture: Architecture) -> st.SearchStrategy[Drawn]:
    return st.tuples(st.just(architecture), frozen_layers(architecture))


@functools.cache
def frozen_layers(architecture: Architecture) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw some layers and blocks, at least one and seldom all; shrinks to the first alone."""
    layers = [layer.name for layer in architecture.layers if layer.leaves or layer.shares]
    blocks = dict.fromkeys(name.rpartition("/")[0] for name in layers if "/" in name)
    first = st.just((layers[0],))
    flags = st.tuples(*(st.booleans() for _ in layers))
    some = flags.map(lambda chosen: tuple(n for n, c in zip(layers, chosen, strict=True) if c))
    drawn = [first, some.map(lambda names: names or (layers[0],))]
    if blocks:
        drawn.append(st.sampled_from([(block,) for block in blocks]))
    return st.one_of(drawn)
