"""Spares a process that judges a part of Python's search for reference cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Allocations before a search: Python's own 700 made one every 15 ms of compiling.
_YOUNG = 20_000


def search_seldom() -> None:
    """Search less often, and never among what is there already; call it when JAX is imported.

    What JAX and Flax define is some 170,000 objects that live as long as the process, and a full
    search goes through them all. Trainers under their laws took 32.6 s with Python's settings, 2.1
    of them in the search, and 28.4 s with these.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)


@contextmanager
def searching_seldom() -> Iterator[None]:
    """Search less often within a block, in a process of the user's, whose settings come back after
    it. Where nothing is searched for, nothing is.
    """
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(_YOUNG, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
