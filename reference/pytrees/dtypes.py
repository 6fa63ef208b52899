"""What kind of numbers a dtype holds, those of ml_dtypes included.

NumPy calls all of them kind "V": bfloat16 and the float8 family, but also int4 and uint2, which
`ml_dtypes.finfo` refuses.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np


@cache
def is_float(dtype: np.dtype[Any]) -> bool:
    """Tell whether elements are real floating-point numbers, of whatever width."""
    if dtype.kind != "V":
        return dtype.kind == "f"
    try:
        ml_dtypes.finfo(dtype)
    except ValueError:
        return False
    return True


def is_inexact(dtype: np.dtype[Any]) -> bool:
    """Tell whether elements are floating-point numbers, real or complex: what gradients move."""
    return dtype.kind == "c" or is_float(dtype)
