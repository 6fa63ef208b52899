"""The dtypes that ranges are kept for, and rounding that never loses what a program may compute."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, final

import ml_dtypes
import numpy as np

Number = float | int

_FLOATS = ("float16", "bfloat16", "float32", "float64")


@final
@dataclass(frozen=True)
class Limits:
    """The numbers of a dtype: for a float those that bound rounding, for an integer its ends."""

    lowest: Number
    highest: Number
    #: The smallest normal number; below it a program may flush to zero. 0 for integers.
    tiny: float = 0.0
    #: The distance from 1 to the next number.
    epsilon: float = 0.0

    @property
    def is_float(self) -> bool:
        """Whether it rounds, and has NaN, infinities and two zeros."""
        return self.tiny > 0


@functools.cache
def limits(dtype: Any) -> Limits | None:
    """Return the limits of a dtype; None for keys, complex numbers and other exotic dtypes."""
    if not isinstance(dtype, np.dtype):
        return None  # such as a key of JAX's own
    if dtype.name in _FLOATS:
        known = ml_dtypes.finfo(dtype)
        largest = float(known.max)
        return Limits(-largest, largest, float(known.smallest_normal), float(known.eps))
    if dtype.kind == "b":
        return Limits(0, 1)
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        return Limits(int(ends.min), int(ends.max))
    return None


def is_float(dtype: Any) -> bool:
    """Tell whether a dtype is one of the floats that ranges are kept for."""
    known = limits(dtype)
    return known is not None and known.is_float


def is_promoted(dtype: Any) -> bool:
    """Tell whether a dtype is a float that XLA chooses and joins by way of float32.

    On a CPU `select_n` of bfloat16 and of float8 with several NaN gives another NaN than the one
    that was chosen, and so does an eager `concatenate`; float16 and float32 keep it (jaxlib
    0.10.2, `findings/where_gives_bfloat16_another_nan.sh`).
    """
    return isinstance(dtype, np.dtype) and dtype.name.startswith(("bfloat16", "float8"))


def below(value: float, dtype: Any) -> float:
    """Return a number of the dtype that lies at or below a real number near `value`.

    `value` was computed in float64; the real one rounds to it. Rounding crosses neither zero nor
    the largest number: what overflows may also be kept in a wider register.
    """
    return -above(-value, dtype)


def above(value: float, dtype: Any) -> float:
    """Return a number of the dtype that lies at or above a real number near `value`."""
    if value == 0 or not math.isfinite(value):
        return value
    known = limits(dtype)
    assert known is not None, "only floats are rounded"
    if abs(value) > known.highest:
        return math.inf if value > 0 else float(known.lowest)
    if dtype.name == "float64":
        return 0.0 if -known.tiny < value < 0 else math.nextafter(value, math.inf)
    rounded = np.asarray(value, dtype)
    near = float(rounded)
    if near >= value:  # exact, or above it
        return near
    return 0.0 if value < 0 and near >= -known.tiny else _next(rounded)


def _next(rounded: Any) -> float:
    return float(np.nextafter(rounded, np.asarray(np.inf, rounded.dtype)))
