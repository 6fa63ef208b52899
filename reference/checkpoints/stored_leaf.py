"""What a checkpoint is to its readers and judges: leaves with a path, a dtype, a shape, and pieces.

A leaf gives its elements as flat arrays in row-major order, one after the other, so that nobody
needs to hold the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, final

import numpy as np

from ..pytrees.paths import Path
from ..pytrees.snapshot import Array

#: The bytes of a piece, where the format leaves the choice: both sides and what is computed of them
#: stay in a core's cache. Measured with 128 KiB to 4 MiB: from 1 MiB on it gets slower.
PIECE = 1 << 18

#: Names that only somebody gives who means harm: a way up, markup, characters of control.
_LONGEST_NAME = 4096


class UnusableCheckpoint(ValueError):
    """A checkpoint that cannot be read: which one, and why, in one line."""

    def __init__(self, file: FilePath | str, reason: str) -> None:
        super().__init__(f"{file}: {' '.join(reason.split())}")
        self.file = str(file)
        self.reason = reason


@final
@dataclass(frozen=True, eq=False)
class StoredLeaf:
    """One array in a checkpoint."""

    path: Path
    #: In the byte order of this machine.
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    #: Its elements, flat and row-major; a piece is valid until the next one is asked for.
    pieces: Callable[[], Iterator[Array]]
    #: How many bytes reading takes at a time, at most, beside what the reader of pieces keeps.
    memory: int

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes of all elements."""
        return self.size * self.dtype.itemsize


@final
@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The leaves of one checkpoint by path, in its own order; a context that closes its files."""

    file: FilePath
    #: The name of the format, as messages show it.
    format: str
    leaves: Mapping[Path, StoredLeaf]
    resources: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *ended: object) -> None:
        self.resources.close()


def by_path(leaves: Iterable[StoredLeaf]) -> dict[Path, StoredLeaf]:
    """Index leaves by path.

    Raises `ValueError` for two leaves with one path, and for a path that no program gives.
    """
    found: dict[Path, StoredLeaf] = {}
    for leaf in leaves:
        require_harmless(leaf.path)
        if leaf.path in found:
            raise ValueError(f"two leaves have the same path {'/'.join(leaf.path)!r}")
        found[leaf.path] = leaf
    return found


def require_harmless(path: Path) -> None:
    """Raise `ValueError` for a path with a segment such as `..`, markup or control characters."""
    name = "/".join(path)
    harmful = (
        any(segment in ("", ".", "..") for segment in path)
        or not name.isprintable()
        or "<" in name
        or len(name) > _LONGEST_NAME
    )
    if harmful:
        raise ValueError(f"a leaf has the name {name[:60]!r}, which no program gives a parameter")


def path_of(name: str) -> Path:
    """Return the path of a flat name, in which "." or "/" separates segments: `l1.kernel`."""
    return tuple(name.replace("/", ".").split("."))


def of_array(path: Path, array: Array) -> StoredLeaf:
    """Return the leaf of an array that is at hand."""
    flat = array.reshape(-1)
    return StoredLeaf(path, array.dtype, array.shape, lambda: iter([flat]), 0)


def whole(leaf: StoredLeaf) -> Array:
    """Read all of a leaf, in its shape. Raises `UnusableCheckpoint` if its elements are not all
    there.
    """
    flat = np.empty(leaf.size, leaf.dtype)
    start = 0
    for piece in leaf.pieces():
        flat[start : start + piece.size] = piece
        start += piece.size
    return flat.reshape(leaf.shape)
