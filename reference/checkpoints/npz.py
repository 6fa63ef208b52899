"""NumPy's .npz: a zip of arrays, stored or compressed, read by their checksums."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import IO, Any

import ml_dtypes
import numpy as np
from numpy.lib import format as npy

from ..pytrees.snapshot import Array
from .dtype_names import numeric_dtype
from .stored_leaf import PIECE, Checkpoint, StoredLeaf, UnusableCheckpoint, by_path, path_of

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def open_npz(file: FilePath) -> Checkpoint:
    """Open the file, which stays open. Raises `ValueError`, `OSError` or `zipfile.BadZipFile`."""
    archive = zipfile.ZipFile(file)
    try:
        found = (_leaf(file, archive, member) for member in archive.infolist())
        leaves = by_path(leaf for leaf in found if leaf is not None)
    except BaseException:
        archive.close()
        raise
    opened = Checkpoint(file, "npz", leaves)
    opened.resources.enter_context(archive)
    return opened


def _leaf(file: FilePath, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredLeaf | None:
    """Return an array as a leaf; None for texts and dates, such as a name or a configuration."""
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        try:
            shape, by_columns, stored = read_header(stream)
            if stored.kind in "SUMm":
                return None
            dtype = dtype_of(stored)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        header = stream.tell()
    size = math.prod(shape)
    if member.file_size - header != size * dtype.itemsize:
        raise ValueError(f"{name}: {dtype}{list(shape)} does not fill its {member.file_size} bytes")
    native = stored.isnative or dtype.itemsize == 1

    def stored_pieces() -> Iterator[Array]:
        with archive.open(member) as stream:
            stream.read(header)
            left = size * dtype.itemsize
            while left:
                part = stream.read(min(PIECE, left))
                if not part:
                    raise UnusableCheckpoint(file, f"it ends within {name}")
                left -= len(part)
                piece = np.frombuffer(part, dtype if native else stored)
                yield piece if native else piece.astype(dtype)
            stream.read(1)  # the checksum is looked at where the member ends

    def turned_pieces() -> Iterator[Array]:
        yield np.concatenate(list(stored_pieces())).reshape(shape[::-1]).T.reshape(-1)

    turned = by_columns and len(shape) > 1 and size > 0
    pieces = turned_pieces if turned else stored_pieces
    memory = 3 * size * dtype.itemsize if turned else PIECE
    return StoredLeaf(path_of(name), dtype, shape, pieces, memory)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and dtype of an array that `numpy.save` wrote; the stream stands at its
    elements then. Raises `ValueError`, also for pickled objects.
    """
    version = npy.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of NumPy's format does not hold numbers alone")
    shape, by_columns, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, and nothing is ever unpickled here")
    return shape, by_columns, dtype


def dtype_of(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that was saved. NumPy writes those of ml_dtypes as plain bytes: two of them
    are bfloat16; one may be any float8, so only its bits can be compared.
    """
    if stored.type is np.void and stored.names is None and stored.itemsize <= 2:
        return np.dtype(ml_dtypes.bfloat16 if stored.itemsize == 2 else np.uint8)
    return numeric_dtype(stored.str)
