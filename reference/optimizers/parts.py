"""Parameters that are parts of an array which the optimizer is given, such as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..pytrees.paths import Path
from ..pytrees.snapshot import Leaf
from .recorded import Recorded


def with_parts(recorded: Recorded, params: Mapping[Path, Leaf]) -> Recorded:
    """Return a recording that also knows the parameters which are parts of an array that the
    optimizer was given: where a trainer's `params` shows rows of a table as their own leaves.

    Such a part has the place at which its numbers are found in the array, each slice of it once.
    """
    unknown = recorded.params.keys() - params.keys()
    if not unknown:
        return recorded
    shown = {_bits(leaf.array) for leaf in params.values()}
    wholes = {name for name in unknown if _bits(recorded.params[name]) not in shown}
    gradients, updates, given = map(dict, (recorded.gradients, recorded.updates, recorded.params))
    parts: set[Path] = set()
    for path in params.keys() - recorded.params.keys():
        found = {
            name: places
            for name in wholes & gradients.keys() & updates.keys()
            if (places := _places(params[path].array, recorded.params[name])) is not None
        }
        if len(found) != 1:  # nowhere, or in two arrays: it may be a part of either
            continue
        ((name, places),) = found.items()
        parts.add(path)
        for arrays in (gradients, updates, given):
            arrays[path] = arrays[name].ravel()[places]
    return replace(
        recorded, gradients=gradients, updates=updates, params=given, parts=frozenset(parts)
    )


def _bits(array: np.ndarray) -> tuple[Any, ...]:
    return array.shape, array.dtype, array.tobytes()


def _places(part: np.ndarray, whole: np.ndarray) -> np.ndarray | None:
    """Return which elements of a flattened array are those of a part; None where nobody can tell
    which, or where it is not a part.
    """
    if part.dtype != whole.dtype or not 1 < part.size < whole.size:
        return None  # a single number may be anywhere
    for axis in _cuts(part.shape, whole.shape):
        cut = part
        if axis is not None and part.ndim < whole.ndim:
            cut = np.expand_dims(part, axis)
        places = _places_along(cut, whole, axis)
        if places is not None:
            return places.reshape(part.shape)
    return None


def _cuts(part: tuple[int, ...], whole: tuple[int, ...]) -> list[int | None]:
    """Return along which axes an array may be cut into slices that make a part of this shape: the
    only one that it is shorter in, or one that a single slice lacks; None for its elements.
    """
    if len(part) == len(whole):
        shorter = [axis for axis in range(len(whole)) if part[axis] != whole[axis]]
        return [shorter[0] if len(shorter) == 1 else None]
    lacking = (axis for axis in range(len(whole)) if part == whole[:axis] + whole[axis + 1 :])
    return [*lacking, None]


def _places_along(part: np.ndarray, whole: np.ndarray, axis: int | None) -> np.ndarray | None:
    slices, wanted = _slices(whole, axis), _slices(part, axis)
    in_order = np.sort(wanted)
    if (in_order[1:] == in_order[:-1]).any():
        return None
    order = np.argsort(slices)
    known = slices[order]
    first, end = (np.searchsorted(known, wanted, side) for side in ("left", "right"))
    if (end - first != 1).any():
        return None
    if axis is None:
        return order[first]
    return np.take(np.arange(whole.size).reshape(whole.shape), order[first], axis)


def _slices(array: np.ndarray, axis: int | None) -> Any:
    """Return the bits of each slice of an array along an axis, or of each element."""
    rows = array.reshape(-1, 1) if axis is None else np.moveaxis(array, axis, 0)
    rows = np.ascontiguousarray(rows.reshape(len(rows), -1))
    size = rows.dtype.itemsize * rows.shape[1]
    # Integers are sorted several times as fast as bytes.
    return rows.view(f"u{size}" if size in (1, 2, 4, 8) else np.dtype((np.void, size))).ravel()
