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
    optimizer was given: where a trainer's `params` shows rows of a table as leaves of their own.

    Such a part has the place at which its numbers are found in the array, each slice of it once.
    """
    unknown = recorded.params.keys() - params.keys()
    if not unknown:
        return recorded
    shown = {_bits(leaf.array) for leaf in params.values()}
    wholes = {name for name in unknown if _bits(recorded.params[name]) not in shown}
    gradients, updates, given = map(dict, (recorded.gradients, recorded.updates, recorded.params))
    parts: dict[Path, Path] = {}
    for path in params.keys() - recorded.params.keys():
        part = params[path].array
        for name in sorted(wholes & gradients.keys() & updates.keys()):
            places = _places(part, recorded.params[name])
            if places is None:
                continue
            parts[path] = name
            for arrays in (gradients, updates, given):
                arrays[path] = arrays[name].ravel()[places]
    return replace(recorded, gradients=gradients, updates=updates, params=given, parts=parts)


def _bits(array: np.ndarray) -> tuple[Any, ...]:
    return array.shape, array.dtype, array.tobytes()


def _places(part: np.ndarray, whole: np.ndarray) -> np.ndarray | None:
    """Return which elements of a flattened array are those of a part; None where it is no part, or
    where nobody can tell which part.

    Compared slice by slice along the only axis of which a part is shorter, or element by element.
    """
    if part.dtype != whole.dtype or not 1 < part.size < whole.size:
        return None  # a single number may be anywhere
    numbers = np.arange(whole.size).reshape(whole.shape)
    shorter = [
        axis
        for axis, sizes in enumerate(zip(part.shape, whole.shape, strict=False))
        if len({*sizes}) > 1
    ]
    axis = shorter[0] if part.ndim == whole.ndim and len(shorter) == 1 else None
    known, first, times = np.unique(_slices(whole, axis), return_index=True, return_counts=True)
    wanted = _slices(part, axis)
    at = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    if (known[at] != wanted).any() or (times[at] > 1).any() or len({*at}) < len(at):
        return None
    if axis is None:
        return first[at].reshape(part.shape)
    return np.take(numbers, first[at], axis)


def _slices(array: np.ndarray, axis: int | None) -> Any:
    """Return the bytes of each slice of an array along an axis, or of each element."""
    rows = array.reshape(-1, 1) if axis is None else np.moveaxis(array, axis, 0)
    rows = np.ascontiguousarray(rows.reshape(len(rows), -1))
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
