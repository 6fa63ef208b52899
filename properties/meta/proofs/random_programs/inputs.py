"""Inputs of random programs: numbers at the edges of a dtype, and a range that holds them."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from frostproof.properties.proofs.interpretation.domain import (
    Level,
    Range,
    Source,
    Value,
    ranged,
    unknown,
)
from frostproof.properties.proofs.interpretation.floats import is_float

from .draft import Choose, Input


def draw_input(choose: Choose, number: int, shape: tuple[int, ...], dtype: Any) -> Input:
    """Draw two fillings of an input, and what may be assumed of both."""
    pool, bounds = _draw_range(choose, dtype)

    def fill() -> np.ndarray:
        count = math.prod(shape)
        return np.asarray([pool[choose(len(pool))] for _ in range(count)], dtype).reshape(shape)

    value = Value(shape, dtype, bounds, {Source(number, dtype): Level.BITS}, 1 << number)
    return Input(value, (fill(), fill()))


def _draw_range(choose: Choose, dtype: Any) -> tuple[list[Any], Range]:
    everything = unknown(dtype)
    assert everything is not None
    if dtype.kind == "b":
        return [False, True], everything
    if not is_float(dtype):
        ends = np.iinfo(dtype)
        if choose(2):
            return [ends.min, ends.max, 0, 1, ends.max - 1, 2, 7], everything
        return [0, 1, 2, 3], ranged(0, 3, dtype)
    known = ml_dtypes.finfo(dtype)
    least, tiny, most = (float(x) for x in (known.smallest_subnormal, known.tiny, known.max))
    some = [1.0, 0.5, 2.0, 3.0, 0.1, 0.9, 0.999, tiny, most, most / 2, 1 / 3, 7.0]
    small = [least, tiny / 2]
    plus = [0.0, *small, *some, tiny, 1e-3]
    minus = [-each for each in plus]
    match choose(10):
        case 0 | 8 | 9:
            quiet = np.asarray([np.nan], dtype)
            payload = quiet.copy()
            payload.view(f"u{dtype.itemsize}")[0] |= 1
            special = [np.inf, -np.inf, quiet[0], payload[0], -quiet[0]]
            return [*plus, *minus, *special, *special], everything
        case 1:
            return [*plus, *minus], ranged(-most, most, dtype, False, True, True)
        case 2:
            return [0.0], ranged(0.0, 0.0, dtype, plus_zero=True)
        case 3:
            return [-0.0], ranged(0.0, 0.0, dtype, minus_zero=True)
        case 4:
            return [0.0, -0.0], ranged(0.0, 0.0, dtype, False, True, True)
        case 5:
            return [*plus, np.inf], ranged(0.0, math.inf, dtype, plus_zero=True)
        case 6:
            inside = [0.5, 0.75, 1.0, 1.5, 2.0]
            return inside, ranged(0.5, 2.0, dtype)
        case _:
            inside = [-3.0, -1.0, -0.25, 0.0, -0.0, 0.5, 1.0, least, -least]
            return inside, ranged(-3.0, 1.0, dtype, False, True, True)
