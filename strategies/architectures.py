"""Draws architectures, and the layers that are frozen in them."""

from __future__ import annotations

import functools

from hypothesis import strategies as st

from ..reference.problems.architecture import Architecture
from ..reference.problems.architecture_pool import DROPPING, NORMALISED, PLAIN, TIED
from ..reference.pytrees.paths import matches

#: An architecture, and the paths of the layers that are frozen in it.
Network = tuple[Architecture, tuple[str, ...]]

#: The deep one takes twice as long as the others, and most laws are about plain ones.
_WEIGHTED = (*PLAIN[:-1] * 3, PLAIN[-1], TIED, NORMALISED, DROPPING)


def architectures(*pool: Architecture) -> st.SearchStrategy[Network]:
    """Draw an architecture, from a pool or from all, and the paths of layers that are frozen.

    Shrinks to the first of the pool, which is two layers, with its first layer frozen.
    """
    return st.sampled_from(pool or _WEIGHTED).flatmap(_network)


@functools.cache
def _network(architecture: Architecture) -> st.SearchStrategy[Network]:
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


def normalised() -> st.SearchStrategy[Network]:
    """Draw layers with statistics, one of them frozen at least; shrinks to the first one and its
    norm.

    A law of statistics says nothing of a draw without: in two of five `frozen_layers` names none,
    and of the six examples that a reference gets it may be all.
    """
    norms = [layer for layer in NORMALISED.layers if layer.kind == "norm"]

    def with_a_norm(frozen: tuple[str, ...], name: str) -> Network:
        named = any(matches(layer.path, frozen) for layer in norms)
        return NORMALISED, frozen if named else (*frozen, name)

    names = st.sampled_from([layer.name for layer in norms])
    return st.builds(with_a_norm, frozen_layers(NORMALISED), names)
