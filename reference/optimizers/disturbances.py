"""What becomes of the gradients of frozen leaves, which must not matter.

Each is one function, for NumPy, for JAX and, by its source, for scripts: `xp` is the module of the
array. Gradients that are zero stay so: a trainer that zeroes them is not disturbed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes


def scaled(leaf: Any, xp: Any) -> Any:
    """Return a gradient a thousand times as large."""
    return leaf * xp.asarray(1000, leaf.dtype)


def flipped(leaf: Any, xp: Any) -> Any:
    """Return a gradient that points the other way."""
    return -leaf


def huge(leaf: Any, xp: Any) -> Any:
    """Return a gradient whose square is beyond its dtype."""
    return leaf * xp.asarray(float(ml_dtypes.finfo(leaf.dtype).max) / 16, leaf.dtype)


def nan(leaf: Any, xp: Any) -> Any:
    """Return NaN wherever a gradient is not zero."""
    return xp.where(leaf == 0, leaf, xp.asarray(xp.nan, leaf.dtype))


DISTURBANCES: Mapping[str, Callable[[Any, Any], Any]] = {
    each.__name__: each for each in (scaled, flipped, huge, nan)
}
