"""How one leaf differs between two checkpoints, found piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from ...reference.checkpoints.stored_leaf import PIECE, StoredLeaf
from ...reference.pytrees.comparison import Change, changes, same_value
from ...reference.pytrees.paths import Path
from ...reference.pytrees.snapshot import Array, Leaf, Snapshot
from .setting_aside import is_bulky, pieces_from_disk


@final
@dataclass(frozen=True)
class Difference:
    """What differs between two leaves of one shape and dtype.

    Of a leaf that is only asked whether it moved, reading ends with the first piece that did: then
    it is not `complete`, and the numbers are least ones.
    """

    #: The furthest element and how many differ in their bits; None where all bits agree.
    change: Change | None = None
    keeps_value: bool = True
    keeps_norm: bool = True
    #: The largest difference of an element, as a part of the larger of both; NaN beside a NaN.
    relative: float = 0.0
    complete: bool = True

    @property
    def moved(self) -> bool:
        """Whether any bit differs."""
        return self.change is not None


def together(before: StoredLeaf, after: StoredLeaf) -> Iterator[tuple[int, Array, Array]]:
    """Read two leaves in step: the number of the first element, and as many of both as fit a core's
    cache.
    """
    most = max(1, PIECE // before.dtype.itemsize)
    aside = is_bulky(before) and is_bulky(after)
    left = pieces_from_disk(before) if aside else before.pieces()
    right = after.pieces()
    x: Array | None = np.empty(0, before.dtype)
    y: Array | None = np.empty(0, after.dtype)
    start = 0
    while True:
        if x is not None and not x.size:
            x = next(left, None)
        if y is not None and not y.size:
            y = next(right, None)
        if x is None or y is None:
            return
        count = min(x.size, y.size, most)
        if count:
            yield start, x[:count], y[:count]
        x, y, start = x[count:], y[count:], start + count


def differing(before: StoredLeaf, after: StoredLeaf) -> Iterator[tuple[int, Array, Array]]:
    """Read two leaves in step, and leave out what has the same bits in both."""
    return (each for each in together(before, after) if not _same(each[1], each[2]))


def _same(x: Array, y: Array) -> bool:
    width = np.uint64 if x.nbytes % 8 == 0 else np.uint8
    return bool((x.view(width) == y.view(width)).all())


def difference(before: StoredLeaf, after: StoredLeaf, *, complete: bool) -> Difference:
    """Compare two leaves of one shape and dtype; unless `complete`, until the first that moved."""
    found = Difference()
    squares: list[tuple[float, float]] = []
    magnitudes = [0, 0]
    for start, x, y in differing(before, after):
        change = _change(start, x, y, after)
        kept = same_value(x, y)
        found = Difference(
            change if found.change is None else _merged(found.change, change),
            found.keeps_value and kept,
            True,
            max_or_nan(found.relative, relative_difference(x, y)),
            complete,
        )
        if not complete:
            return replace(found, keeps_norm=kept)
        if not kept:
            squares.append((_square(x), _square(y)))
            magnitudes[0] += multiset(magnitude(x))
            magnitudes[1] += multiset(magnitude(y))
    # Pieces with the same values add the same to both norms. What has the same magnitudes in other
    # places has the same norm, although the order of a sum shows in its last bits.
    same_magnitudes = magnitudes[0] % 2**64 == magnitudes[1] % 2**64
    old, new = (math.fsum(sums) for sums in zip(*squares, strict=True)) if squares else (0.0, 0.0)
    return replace(found, keeps_norm=same_magnitudes or old == new)


def _change(start: int, x: Array, y: Array, leaf: StoredLeaf) -> Change:
    path: Path = ()
    (found,) = changes(_snapshot(x), _snapshot(y), [path], "bits")
    assert found.index is not None
    index = np.unravel_index(start + found.index[0], leaf.shape or (1,))
    return replace(
        found,
        path=leaf.path,
        index=tuple(map(int, index)) if leaf.shape else (),
        size=leaf.size,
    )


def _snapshot(array: Array) -> Snapshot:
    return Snapshot({(): Leaf((), array, None, False)}, "")


def _merged(one: Change, other: Change) -> Change:
    """Two changes of one leaf: the furthest element of both, and all that differ. No distance, as
    NaN has none, is furthest.
    """
    furthest = max((one, other), key=lambda each: (each.ulps is None, each.ulps or 0))
    largest = max_or_nan(one.difference or 0.0, other.difference or 0.0)
    return replace(furthest, difference=largest, count=one.count + other.count)


def max_or_nan(one: float, other: float) -> float:
    """The larger of two numbers; NaN where one of them is."""
    return math.nan if math.isnan(one) or math.isnan(other) else max(one, other)


def relative_difference(x: Array, y: Array) -> float:
    """The largest difference of elements, as a part of the larger of both."""
    old, new = widened(x), widened(y)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        parts = np.abs(new - old) / np.maximum(np.abs(old), np.abs(new))
    parts[old == new] = 0.0  # 0 / 0, and infinities that stayed
    parts[np.isnan(old) & np.isnan(new)] = 0.0
    return float(parts.max())


def widened(x: Array) -> Array:
    """The elements in float64, or in complex128."""
    with np.errstate(invalid="ignore"):  # raised by a signalling NaN
        wide: Array = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    return wide


def _square(x: Array) -> float:
    wide = widened(x)
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.vdot(wide, wide).real)


def magnitude(x: Array) -> Array:
    """The bits of the elements' magnitudes in float64."""
    return np.abs(widened(x)).view(np.uint64)


def multiset(of: Array) -> int:
    """A number for the elements of an array of unsigned integers that is the same in any order.

    Each is mixed (the finaliser of SplitMix64, a bijection), and the sum is taken modulo 2⁶⁴: for
    other elements it is the same by chance once in 2⁶⁴.
    """
    mixed = of.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return int(mixed.sum(dtype=np.uint64))
