"""Dtypes by the names that checkpoints store: those that hold numbers, and no others."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ..pytrees.snapshot import holds_numbers, is_too_wide


def numeric_dtype(name: object) -> np.dtype[Any]:
    """Return the dtype of a name such as ``bfloat16`` or ``<f4``, in this machine's byte order.

    Raises `ValueError` for an unknown name, and for dtypes that hold no numbers, such as objects.
    """
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    try:
        # By attribute first: not all dtypes of ml_dtypes are known to NumPy by their names.
        dtype = np.dtype(getattr(ml_dtypes, text, text))
    except (TypeError, ValueError):
        raise ValueError(f"{text[:60]!r} is not the name of a dtype") from None
    if not holds_numbers(dtype):
        raise ValueError(f"dtype {text[:60]!r} does not hold numbers")
    if is_too_wide(dtype):
        raise ValueError(f"dtype {text[:60]!r} is one that JAX does not have: save it as float64")
    return dtype.newbyteorder("=")
