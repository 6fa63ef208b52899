"""Keras: `.weights.h5` and `.keras`, a zip with one inside.

h5py reads the arrays; no layer is built from the configuration, which may name code.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from ..pytrees.paths import Path
from ..pytrees.snapshot import Array, holds_numbers
from .stored_leaf import PIECE, Checkpoint, StoredLeaf, by_path

WEIGHTS = "model.weights.h5"


def open_keras(file: FilePath) -> Checkpoint:
    """Open a file, which stays open. Raises `ValueError`, `OSError` or `zipfile.BadZipFile`."""
    zipped = zipfile.is_zipfile(file)
    weights = h5py.File(_Member(file) if zipped else file, "r")
    try:
        leaves = by_path(_leaves((), weights, frozenset()))
    except BaseException:
        weights.close()
        raise
    opened = Checkpoint(file, ".keras" if zipped else "HDF5", leaves)
    opened.resources.callback(weights.close)
    return opened


def _leaves(path: Path, group: Any, above: frozenset[int]) -> Iterator[StoredLeaf]:
    """Walk by hand: links lead to other files, and a group that holds itself has no end."""
    address = h5py.h5o.get_info(group.id).addr
    if address in above:
        raise ValueError(f"{'/'.join(path)} contains itself")
    for name in group:
        inside = (*path, name)
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(
                f"{'/'.join(inside)} is a link to another place, which is not followed"
            )
        entry = group[name]
        if isinstance(entry, h5py.Group):
            yield from _leaves(inside, entry, above | {address})
        elif isinstance(entry, h5py.Dataset):
            if entry.external or entry.is_virtual:
                raise ValueError(f"{'/'.join(inside)} lies in another file, which is not opened")
            if entry.shape is not None and (dtype := _dtype(entry)) is not None:
                yield _leaf(inside, entry, dtype)


def _dtype(entry: Any) -> np.dtype[Any] | None:
    """The dtype of the numbers in a dataset; None for texts and the like."""
    if entry.attrs.get("dtype") == "bfloat16":
        return np.dtype(ml_dtypes.bfloat16)
    return entry.dtype.newbyteorder("=") if holds_numbers(entry.dtype) else None


def _leaf(path: Path, entry: Any, dtype: np.dtype[Any]) -> StoredLeaf:
    shape = tuple(entry.shape)
    row = max(1, math.prod(shape[1:]) * dtype.itemsize)
    rows = max(1, PIECE // row)
    if entry.chunks:  # compressed, perhaps: a chunk is read once
        rows = max(rows // entry.chunks[0], 1) * entry.chunks[0]

    def pieces() -> Iterator[Array]:
        if not shape:
            yield _native(np.asarray(entry[()]), dtype)
            return
        for start in range(0, shape[0], rows):
            yield _native(entry[start : start + rows], dtype)

    return StoredLeaf(path, dtype, shape, pieces, 2 * rows * row)


def _native(piece: Array, dtype: np.dtype[Any]) -> Array:
    # HDF5 has no bfloat16: h5py keeps its bytes.
    flat = np.ascontiguousarray(piece).reshape(-1)
    return flat.view(dtype) if flat.dtype.kind == "V" else flat.astype(dtype, copy=False)


class _Member(io.RawIOBase):
    """The weights within a `.keras` file as a file, since a zip's own goes back only by starting
    over. Keras stores them uncompressed.
    """

    def __init__(self, file: FilePath) -> None:
        with zipfile.ZipFile(file) as archive:
            if WEIGHTS not in archive.namelist():
                raise ValueError(f"it holds no {WEIGHTS}")
            member = archive.getinfo(WEIGHTS)
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{WEIGHTS} in it is compressed, which Keras does not do")
        self._file = open(file, "rb")  # noqa: SIM115 -- `close` closes it
        self._file.seek(member.header_offset)
        head = self._file.read(30)  # the lengths of name and extra field stand at its end
        lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        self._start = member.header_offset + len(head) + lengths
        self._size, self._at = member.file_size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        self._file.seek(self._start + self._at)
        count = self._file.readinto(view)
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
