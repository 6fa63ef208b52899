"""Draws another order for the rows of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np


def another_order(seed: int, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the indices (rows,) of another order, if there are at least two rows.

    Seed 0 reverses the rows: the plainest order, which two rows show.
    """
    given = np.arange(rows)
    drawn = np.random.default_rng(seed).permutation(rows) if seed else given[::-1]
    return given[::-1] if np.array_equal(drawn, given) else drawn
