"""Safetensors: a single file, or the shards that an index names."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path as FilePath

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from .byte_ranges import leaf_in_file
from .stored_leaf import Checkpoint, StoredLeaf, UnusableCheckpoint, by_path, path_of

_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16,
    "U32": np.uint32, "I32": np.int32, "U64": np.uint64, "I64": np.int64, "F16": np.float16,
    "F32": np.float32, "F64": np.float64, "C64": np.complex64, "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu, "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
}  # fmt: skip
#: The length of the header, before it.
_LENGTH = 8


def open_safetensors(file: FilePath) -> Checkpoint:
    """Open a file, an index, or a folder with one index. Raises `ValueError` or `OSError`."""
    if file.is_dir():
        (file,) = file.glob("*.safetensors.index.json")
    if file.suffix == ".json":
        return Checkpoint(file, "sharded safetensors", by_path(_of_index(file)))
    return Checkpoint(file, "safetensors", by_path(_of_file(file)))


def _of_file(file: FilePath) -> Iterator[StoredLeaf]:
    """The library checks the header, and that the tensors follow one another without a gap in the
    order of `offset_keys`: so their places are known. It would copy what it reads twice, and has
    no float8 for NumPy.
    """
    with open(file, "rb") as opened:
        offset = _LENGTH + int.from_bytes(opened.read(_LENGTH), "little")
    try:
        with safe_open(file, framework="numpy") as tensors:
            for name in tensors.offset_keys():
                stored = tensors.get_slice(name)
                shape, code = stored.get_shape(), stored.get_dtype()
                if code not in _DTYPES:
                    raise ValueError(f"{name}: dtype {code} has no counterpart in NumPy")
                dtype = np.dtype(_DTYPES[code])
                nbytes = math.prod(shape) * dtype.itemsize
                yield leaf_in_file(path_of(name), dtype, shape, file, [(offset, nbytes)])
                offset += nbytes
    except SafetensorError as error:
        raise ValueError(f"not a whole safetensors file: {error}") from None


def _of_index(index: FilePath) -> Iterator[StoredLeaf]:
    try:
        shards = dict(json.loads(index.read_text())["weight_map"])
    except (ValueError, KeyError, TypeError):
        raise ValueError("it holds no `weight_map`: not an index of safetensors") from None
    left = set(shards)
    for name in sorted(set(map(str, shards.values()))):
        if FilePath(name).name != name:
            raise ValueError(f"its index names the shard {name!r}, which lies outside its folder")
        if not (index.parent / name).is_file():
            raise ValueError(f"the shard {name} is missing")
        here = {path_of(key): key for key, shard in shards.items() if shard == name}
        for leaf in _leaves_of_shard(index.parent / name):
            if leaf.path not in here:
                raise ValueError(
                    f"{name} holds {'.'.join(leaf.path)}, which the index puts elsewhere"
                )
            left.discard(here[leaf.path])
            yield leaf
    if left:
        raise ValueError(f"{shards[min(left)]} does not hold {min(left)}, as the index says")


def _leaves_of_shard(shard: FilePath) -> Iterator[StoredLeaf]:
    try:
        yield from _of_file(shard)
    except ValueError as error:
        raise UnusableCheckpoint(shard, str(error)) from None
