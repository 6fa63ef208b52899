"""Leaves whose elements lie in a file as they lie in memory, in one range of bytes or several."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from ..pytrees.paths import Path
from ..pytrees.snapshot import Array
from .stored_leaf import PIECE, StoredLeaf, UnusableCheckpoint


def leaf_in_file(
    path: Path,
    dtype: np.dtype[Any],
    shape: Sequence[int],
    file: FilePath,
    ranges: Sequence[tuple[int, int]],
) -> StoredLeaf:
    """Return the leaf whose bytes, little-endian, are those ranges of a file: (start, length).

    Raises `ValueError` where the ranges do not hold as many bytes as shape and dtype say.
    """
    shape = tuple(int(length) for length in shape)
    if any(length < 0 for length in shape):
        raise ValueError(f"{'/'.join(path)}: a shape of {shape} cannot be")
    nbytes = math.prod(shape) * dtype.itemsize
    held = sum(length for _, length in ranges)
    if held != nbytes:
        raise ValueError(
            f"{'/'.join(path)}: {dtype}{list(shape)} takes {nbytes} bytes, and {held} are there"
        )

    def pieces() -> Iterator[Array]:
        # Read into one buffer, not mapped: a truncated file is an error and not a crash, and pages
        # that were read do not count as this process's memory.
        buffer = np.empty(min(PIECE, nbytes), np.uint8)
        with open(file, "rb", buffering=0) as opened:
            for start, length in ranges:
                for offset in range(start, start + length, PIECE):
                    part = buffer[: min(PIECE, start + length - offset)]
                    if os.preadv(opened.fileno(), [part.data], offset) != part.size:
                        raise UnusableCheckpoint(file, f"it ends within {'/'.join(path)}")
                    yield part.view(dtype)

    return StoredLeaf(path, dtype, shape, pieces, min(PIECE, nbytes))
