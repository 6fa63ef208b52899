"""Equinox's `.eqx` files, which hold arrays without names: a skeleton of the model has them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import IO, Any

import equinox
import numpy as np

from ..pytrees.paths import Path, named_leaves
from .byte_ranges import leaf_in_file
from .npz import dtype_of, read_header
from .stored_leaf import Checkpoint, StoredLeaf, by_path


def open_equinox(file: FilePath, skeleton: Callable[[], Any] | Any) -> Checkpoint:
    """Open a file that was saved from a model such as `skeleton`, or such as it makes.

    The arrays follow one another in the order of the model's leaves. A first line of
    hyperparameters, as Equinox's documentation has it, is passed over. Raises `ValueError` or
    `OSError`, also where the file is of another model.
    """
    is_model = isinstance(skeleton, equinox.Module)
    model = skeleton if is_model else equinox.filter_eval_shape(skeleton)
    found: list[StoredLeaf] = []
    size = file.stat().st_size
    with open(file, "rb") as stream:
        _pass_hyperparameters(stream)
        for path, like in named_leaves(model).items():
            if not _is_stored(like):
                continue
            if stream.tell() >= size:
                raise ValueError(f"it ends before {'/'.join(path)}, which the skeleton has")
            leaf = _leaf(file, path, stream, like)
            if stream.seek(leaf.nbytes, 1) > size:
                raise ValueError(f"it ends within {'/'.join(path)}")
            found.append(leaf)
        if left := size - stream.tell():
            raise ValueError(f"{left} bytes follow what the skeleton has")
    return Checkpoint(file, "Equinox", by_path(found))


def _leaf(file: FilePath, path: Path, stream: IO[bytes], like: Any) -> StoredLeaf:
    shape, by_columns, stored = read_header(stream)
    dtype = dtype_of(stored)
    if hasattr(like, "shape"):
        if shape != like.shape:
            raise ValueError(
                f"{'/'.join(path)} is of shape {list(like.shape)} in the skeleton and of "
                f"{list(shape)} in the file"
            )
        # NumPy writes the dtypes of ml_dtypes as plain bytes: of them only the length is known.
        expected = np.dtype(like.dtype)
        if stored.kind == "V" and expected.itemsize == dtype.itemsize:
            dtype = expected
    if by_columns and len(shape) > 1:
        raise ValueError(f"{'/'.join(path)} lies by columns, as Equinox does not save it")
    nbytes = math.prod(shape) * dtype.itemsize
    return leaf_in_file(path, dtype, shape, file, [(stream.tell(), nbytes)])


def _is_stored(leaf: Any) -> bool:
    """As Equinox decides what it saves, shapes that stand for arrays included."""
    import jax

    return equinox.is_array_like(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _pass_hyperparameters(stream: IO[bytes]) -> None:
    if stream.read(1) == b"{":
        json.loads(b"{" + stream.readline())
    else:
        stream.seek(0)
