"""Flax's msgpack files: of `flax.serialization.to_bytes`, and of `flax.training.checkpoints`.

Flax reads such a file as a whole. Here only the heads of its maps and arrays are read, by the
msgpack library; the numbers of an array stay in the file until they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import msgpack
import numpy as np

from ..pytrees.paths import Path
from .byte_ranges import leaf_in_file
from .dtype_names import numeric_dtype
from .stored_leaf import Checkpoint, StoredLeaf, by_path, of_array

#: How many bytes a key, a number or the head of an array may take; no array's elements are read.
_HEAD = 1 << 16
_DEEPEST = 100
#: Flax's extension types.
_ARRAY, _COMPLEX, _SCALAR = 1, 2, 3
#: By the first byte of an extension: how many bytes its length takes, or the length itself.
_LENGTHS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_TEXTS = _BYTES | {0xD9: 1, 0xDA: 2, 0xDB: 4}
_CHUNKED = "__msgpack_chunked_array__"


class _Array(NamedTuple):
    """Where an array lies in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    length: int


def open_flax_msgpack(file: FilePath) -> Checkpoint:
    """Open a file. Raises `ValueError` or `OSError`."""
    with open(file, "rb") as opened:
        walk = _Walk(opened.fileno())
        tree, end = walk.value(0, 0)
        if end != walk.size:
            raise ValueError(f"{walk.size - end} bytes follow its tree")
    if not isinstance(tree, dict):
        raise ValueError("it holds no tree of arrays")
    return Checkpoint(file, "Flax msgpack", by_path(_leaves(file, (), tree)))


class _Walk:
    """Reads the heads of nested values: what stands at an offset, and where it ends."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.size = os.fstat(file).st_size

    def value(self, offset: int, depth: int) -> tuple[Any, int]:
        """Return a dict, an `_Array`, or a plain value; maps and lists are dicts both."""
        if depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
        head = self._bytes(offset, _HEAD)
        first = head[0]
        if 0x80 <= first <= 0x9F or 0xDC <= first <= 0xDF:
            return self._nested(offset, depth, head)
        if first in _LENGTHS or first in _FIXED:
            return self._extension(offset, head)
        return self._plain(offset, head)

    def _nested(self, offset: int, depth: int, head: bytes) -> tuple[dict[str, Any], int]:
        unpacker = _unpacker(head)
        keyed = 0x80 <= head[0] <= 0x8F or head[0] >= 0xDE
        count = unpacker.read_map_header() if keyed else unpacker.read_array_header()
        offset += unpacker.tell()
        entries: dict[str, Any] = {}
        for number in range(count):
            key: Any = number
            if keyed:
                key, offset = self._plain(offset, self._bytes(offset, _HEAD))
            if str(key) in entries:
                raise ValueError(f"a map has the key {str(key)[:60]!r} twice")
            entries[str(key)], offset = self.value(offset, depth + 1)
        return entries, offset

    def _extension(self, offset: int, head: bytes) -> tuple[Any, int]:
        width = _LENGTHS.get(head[0], 0)
        length = _FIXED.get(head[0]) or int.from_bytes(head[1 : 1 + width], "big")
        code, start = head[1 + width], offset + 2 + width
        end = start + length
        if end > self.size:
            raise ValueError("it ends within an array")
        inside = self._bytes(start, min(_HEAD, length))
        if code == _COMPLEX:
            real, imaginary = msgpack.unpackb(inside)
            return complex(real, imaginary), end
        if code not in (_ARRAY, _SCALAR):
            return None, end  # an application's own: no array
        unpacker = _unpacker(inside)
        if unpacker.read_array_header() != 3:
            raise ValueError("an array in it has no shape, dtype and bytes")
        shape, name = unpacker.unpack(), unpacker.unpack()
        at = unpacker.tell()
        width = _BYTES.get(inside[at], 0)
        held = int.from_bytes(inside[at + 1 : at + 1 + width], "big")
        at += 1 + width
        if not width or at + held != length or not isinstance(shape, list | tuple):
            raise ValueError("an array in it has no shape, dtype and bytes")
        return _Array(numeric_dtype(name), tuple(map(int, shape)), start + at, held), end

    def _plain(self, offset: int, head: bytes) -> tuple[Any, int]:
        """Return a key, a number or a short text; None for a text that is longer than the head."""
        unpacker = _unpacker(head)
        try:
            return unpacker.unpack(), offset + unpacker.tell()
        except msgpack.OutOfData:
            width = _TEXTS.get(head[0], 0)
            end = offset + 1 + width + int.from_bytes(head[1 : 1 + width], "big")
            if not width or end > self.size:
                raise ValueError("it ends within a value") from None
            return None, end

    def _bytes(self, offset: int, count: int) -> bytes:
        found = os.pread(self._file, count, offset)
        if not found:
            raise ValueError("it ends where a value was to follow")
        return found


def _unpacker(head: bytes) -> Any:
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=2 * _HEAD)
    unpacker.feed(head)
    return unpacker


def _leaves(file: FilePath, path: Path, tree: dict[str, Any]) -> Iterator[StoredLeaf]:
    for key, value in tree.items():
        inside = (*path, key)
        if isinstance(value, dict):
            yield from (
                [_joined(file, inside, value)]
                if _CHUNKED in value
                else _leaves(file, inside, value)
            )
        elif isinstance(value, _Array):
            place = [(value.start, value.length)]
            yield leaf_in_file(inside, value.dtype, value.shape, file, place)
        elif isinstance(value, bool | int | float | complex):
            yield of_array(inside, np.asarray(value))


def _joined(file: FilePath, path: Path, tree: dict[str, Any]) -> StoredLeaf:
    """Flax writes an array of more than a GiB in parts."""
    shape, parts = tree.get("shape"), tree.get("chunks")
    if not isinstance(shape, dict) or not isinstance(parts, dict) or not parts:
        raise ValueError(f"{'/'.join(path)}: an array in parts has no shape or no parts")
    arrays = list(parts.values())
    if any(not isinstance(part, _Array) or part.dtype != arrays[0].dtype for part in arrays):
        raise ValueError(f"{'/'.join(path)}: its parts are not arrays of one dtype")
    places = [(part.start, part.length) for part in arrays]
    return leaf_in_file(path, arrays[0].dtype, list(shape.values()), file, places)
