"""PyTorch's `.pt` and `.pth`: tensors, by `torch.load(weights_only=True)`, which runs no code."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

import ml_dtypes
import numpy as np
import torch

from ..pytrees.paths import Path
from ..pytrees.snapshot import Array
from .byte_ranges import leaf_in_file
from .stored_leaf import PIECE, Checkpoint, StoredLeaf, by_path, of_array, path_of

#: PyTorch's dtypes that NumPy has only through ml_dtypes.
_EXTENSIONS = {
    torch.bfloat16: ml_dtypes.bfloat16,
    torch.float8_e4m3fn: ml_dtypes.float8_e4m3fn,
    torch.float8_e5m2: ml_dtypes.float8_e5m2,
    torch.float8_e4m3fnuz: ml_dtypes.float8_e4m3fnuz,
    torch.float8_e5m2fnuz: ml_dtypes.float8_e5m2fnuz,
}


def open_pytorch(file: FilePath) -> Checkpoint:
    """Open a file. Raises `ValueError` for one that holds more than tensors, and what PyTorch
    raises for a damaged one.
    """
    with open(file, "rb") as opened:
        mapped = opened.read(2) == b"PK"  # before PyTorch 1.6 it was not a zip
    try:
        tree = torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
        # Without values, but with the place of each storage in the file.
        places = torch.load(file, map_location="meta", weights_only=True)
    except pickle.UnpicklingError as error:
        what = str(error).partition("Unsupported global: ")[2].partition(" ")[2].partition(" ")[0]
        raise ValueError(
            f"it holds {what or 'more than tensors'}, which only unpickling would make, and "
            "nothing is ever unpickled here: save a state_dict"
        ) from None
    return Checkpoint(file, "PyTorch", by_path(_leaves((), tree, places, file)))


def _leaves(path: Path, tree: Any, places: Any, file: FilePath) -> Iterator[StoredLeaf]:
    if isinstance(tree, torch.Tensor):
        yield _leaf(path, tree, places, file)
    elif isinstance(tree, Mapping | list | tuple):
        entries = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
        for key, value in entries:
            yield from _leaves((*path, *path_of(str(key))), value, places[key], file)
    elif isinstance(tree, bool | int | float | complex):
        yield of_array(path, np.asarray(tree))


def _leaf(path: Path, tensor: torch.Tensor, place: torch.Tensor, file: FilePath) -> StoredLeaf:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise ValueError(f"{'.'.join(path)} is a sparse or quantised tensor, which is not read")
    shape = tuple(tensor.shape)
    extension = _EXTENSIONS.get(tensor.dtype)
    dtype = np.dtype(extension or torch.empty(0, dtype=tensor.dtype).numpy().dtype)
    # Read where it lies, pages do not count as this process's memory as those of a mapped file do.
    offset = getattr(place.untyped_storage(), "_checkpoint_offset", None)
    if offset is not None and tensor.is_contiguous() and not (tensor.is_conj() or tensor.is_neg()):
        start = offset + tensor.storage_offset() * dtype.itemsize
        return leaf_in_file(path, dtype, shape, file, [(start, tensor.nbytes)])

    def pieces() -> Iterator[Array]:
        flat = tensor.detach().resolve_conj().resolve_neg().reshape(-1)
        count = max(1, PIECE // dtype.itemsize)
        for start in range(0, flat.numel(), count):
            part = flat[start : start + count]
            yield (part.view(torch.uint8) if extension else part).numpy().view(dtype)

    return StoredLeaf(path, dtype, shape, pieces, 0 if tensor.is_contiguous() else tensor.nbytes)
