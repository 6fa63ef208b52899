"""Whether the difference of two matrices has a low rank, as merging an adapter (LoRA) leaves it.

By the randomised range finder of Halko, Martinsson and Tropp (2011), in three passes over the
pieces: no matrix of the leaf's size is held.
"""

from __future__ import annotations

from collections.abc import Iterator

import ml_dtypes
import numpy as np

from ...reference.checkpoints.stored_leaf import StoredLeaf
from ...reference.pytrees.snapshot import Array
from .difference import together, widened

#: The highest rank that is looked for: adapters of more are hardly made.
_MOST = 64
#: Columns beyond it, with which the range of a matrix of that rank is found almost surely.
_SPARE = 8


def adapter_rank(before: StoredLeaf, after: StoredLeaf) -> int | None:
    """Return the rank of `after − before` where it is at most a quarter of the full one and what is
    left is at most rounding; None elsewhere.

    Each element of `after` is a sum that was rounded once: it is off by at most u·|after|, so all
    of them by at most u·‖after‖, in the norm of Frobenius. As much again is granted to the
    product that was added, since nobody knows in which order it was summed.
    """
    if len(before.shape) != 2 or min(before.shape) < 8:
        return None
    rows, columns = before.shape
    width = min(_MOST, min(rows, columns) // 4) + _SPARE
    generator = np.random.default_rng(0)
    probe = generator.standard_normal((columns, width))
    sketch = np.empty((rows, width))
    length = after_length = 0.0
    for row, moved, new in _bands(before, after):
        with np.errstate(invalid="ignore", over="ignore"):
            sketch[row : row + len(moved)] = moved @ probe
            length += float(np.vdot(moved, moved))
            after_length += float(np.vdot(new, new))
    unit = float(ml_dtypes.finfo(before.dtype).eps) / 2
    rounding = 2 * unit * np.sqrt(after_length)
    if not np.isfinite(sketch).all() or not np.isfinite(after_length) or length <= rounding**2:
        return None
    basis, _ = np.linalg.qr(sketch)
    inside = np.zeros((basis.shape[1], columns))
    left = 0.0
    for row, moved, _ in _bands(before, after):
        inside += basis[row : row + len(moved)].T @ moved
    for row, moved, _ in _bands(before, after):
        rest = moved - basis[row : row + len(moved)] @ inside
        left += float(np.vdot(rest, rest))
    values = np.linalg.svd(inside, compute_uv=False)
    # What remains if only the first k directions are kept: of all outside, and of those beyond k.
    remains = np.sqrt(left + np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0))
    rank = int(np.argmax(remains <= rounding))
    return rank if remains[rank] <= rounding and 0 < rank <= width - _SPARE else None


def _bands(before: StoredLeaf, after: StoredLeaf) -> Iterator[tuple[int, Array, Array]]:
    """Yield whole rows of the difference and of what is after, with the number of the first."""
    columns = before.shape[1]
    held_moved, held_new = np.empty(0), np.empty(0)
    row = 0
    for _, x, y in together(before, after):
        old, new = widened(x), widened(y)
        with np.errstate(invalid="ignore"):
            held_moved = np.concatenate([held_moved, new - old])
        held_new = np.concatenate([held_new, new])
        count = len(held_new) // columns
        if count:
            cut = count * columns
            yield (
                row,
                held_moved[:cut].reshape(count, columns),
                held_new[:cut].reshape(count, columns),
            )
            row, held_moved, held_new = row + count, held_moved[cut:], held_new[cut:]
