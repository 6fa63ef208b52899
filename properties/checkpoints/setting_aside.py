"""A leaf that can only be read as a whole, put aside on disk while another one is read."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryFile

import numpy as np

from ...reference.checkpoints.stored_leaf import PIECE, StoredLeaf
from ...reference.pytrees.snapshot import Array

#: Smaller ones stay in memory.
_LEAST = 16 << 20


def is_bulky(leaf: StoredLeaf) -> bool:
    """Whether reading a piece of a leaf takes memory of the leaf's own size, and that is much."""
    return leaf.memory >= leaf.nbytes > _LEAST


def pieces_from_disk(leaf: StoredLeaf) -> Iterator[Array]:
    """Yield the pieces of a bulky leaf, which is on disk and not in memory while they come.

    A compressed array and its elements take twice its size while it is read: with the other side
    in memory beside it that would be three times, where 2.6 times are allowed. Where the disk has
    no room the leaf stays in memory.
    """
    with TemporaryFile() as file:
        try:
            for piece in leaf.pieces():
                file.write(piece.view(np.uint8).data)
                del piece
        except OSError:
            yield from leaf.pieces()
            return
        file.seek(0)
        buffer = np.empty(PIECE, np.uint8)
        while count := file.readinto(buffer.data):
            yield buffer[:count].view(leaf.dtype)
