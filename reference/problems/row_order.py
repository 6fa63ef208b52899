"""The order in which the rows of a batch are given: as they are, or another one."""

from __future__ import annotations

from typing import Any

import numpy as np


def another_order(seed: int, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the indices (rows,) of an order that is not the given one, if there are two rows.

    Seed 0 turns the rows round: the plainest there is, and one that two rows show.
    """
    given = np.arange(rows)
    drawn = np.random.default_rng(seed).permutation(rows) if seed else given[::-1]
    return given[::-1] if np.array_equal(drawn, given) else drawn
