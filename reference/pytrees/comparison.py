"""Compares leaves: same bits, same value, distance in ulps, and changes between snapshots.

It needs NumPy only. "Value" and "bits" are the equalities of the law book. Leaves of different
shapes or dtypes are never equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, final, get_args

import ml_dtypes
import numpy as np
import numpy.typing as npt

from .dtypes import is_float
from .paths import Path, path_text
from .snapshot import Array, Leaf, Snapshot

Promise: TypeAlias = Literal["norm", "value", "bits"]

#: The answer of `ulps` for a NaN and a number, which have no distance.
NO_DISTANCE = int(np.iinfo(np.uint64).max)


@final
@dataclass(frozen=True)
class Change:
    """How one leaf differs between two snapshots; `describe` puts it in words."""

    path: Path
    #: "appeared", "vanished", or the change of shape, dtype or norm; None if only elements differ.
    what: str | None = None
    #: The element that is furthest away in ulps; None if elements cannot be compared.
    index: tuple[int, ...] | None = None
    #: That element, as a NumPy scalar of the leaf's dtype.
    before: np.generic | None = None
    after: np.generic | None = None
    #: The distance of that element in ulps; None where one side is NaN.
    ulps: int | None = None
    #: The largest absolute difference of any element, in the unit of the leaf.
    difference: float | None = None
    #: The number of elements that differ, and of all elements.
    count: int = 0
    size: int = 0

    def describe(self) -> str:
        """Return the change in words: ``0.541325 → 0.541298 (454 ulps), 3 of 32 elements``."""
        parts = [self.what] if self.what else []
        if self.element:
            told = self.ulps and is_near(self.before, self.after)
            distance = f" ({self.ulps} {'ulp' if self.ulps == 1 else 'ulps'})" if told else ""
            # Behind a change of the norm, which has an arrow too, it is said what the numbers are.
            which = "its furthest element" if self.size > 1 else "its value"
            moved = self.element + distance
            parts.append(f"{which} {moved}" if self.what else moved)
            if self.size > 1:
                parts.append(f"{self.count} of {self.size} elements")
        return ", ".join(parts)

    @property
    def element(self) -> str:
        """The furthest element in words, ``0.541325 → 0.541298``; empty if elements agree."""
        before, after = self.before, self.after
        if before is None or after is None:
            return ""
        moved = _arrow(before, after)
        if self.ulps == 0:  # -0.0 and +0.0, or two kinds of NaN
            return f"{moved} (bits {_hexadecimal(before)} → {_hexadecimal(after)})"
        return moved


def same_bits(a: npt.ArrayLike, b: npt.ArrayLike) -> bool:
    """Tell whether shape, dtype and all bits agree."""
    a, b = np.asarray(a), np.asarray(b)
    return a is b or (_comparable(a, b) and bool((_bits(a) == _bits(b)).all()))


def same_value(a: npt.ArrayLike, b: npt.ArrayLike) -> bool:
    """Tell whether shape and dtype agree, and all elements after subnormals are flushed to zero.

    NaN equals NaN in its place, whatever its payload, and -0 equals +0. Whether a number is
    subnormal depends on the dtype: 1e-6 is subnormal in float16, not in bfloat16 or float32.
    """
    a, b = np.asarray(a), np.asarray(b)
    return same_bits(a, b) or (_comparable(a, b) and not _values_differ(a, b).any())


def ulps(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Return, for each element, how many numbers of the dtype lie between ``a`` and ``b``.

    Args:
        a: an array of floats, integers, bools or complex numbers.
        b: an array of the same shape and dtype.

    Returns:
        An array of that shape. Distances are counted across zero, with -0 and +0 as one number; for
        integers they are differences; for complex numbers, the larger of both parts. Two NaNs are 0
        apart, NaN and a number `NO_DISTANCE`.

    Raises:
        ValueError: if shapes or dtypes differ.
    """
    a, b = np.asarray(a), np.asarray(b)
    if not _comparable(a, b):
        raise ValueError(f"{a.dtype}{a.shape} and {b.dtype}{b.shape} have no distance")
    old, new = _ordered(_reals(a)), _ordered(_reals(b))
    # Modulo 2⁶⁴, which is exact: larger minus smaller is not negative and needs no more bits.
    distance = np.maximum(old, new).astype(np.uint64) - np.minimum(old, new).astype(np.uint64)
    if _float_info(a.dtype):
        nan_before, nan_after = np.isnan(_widened(a)), np.isnan(_widened(b))
        distance[nan_before | nan_after] = NO_DISTANCE
        distance[nan_before & nan_after] = 0
    furthest: npt.NDArray[np.uint64] = _per_element(distance, a).max(axis=1).reshape(a.shape)
    return furthest


def changes(
    before: Snapshot, after: Snapshot, paths: Iterable[Path], promise: Promise
) -> list[Change]:
    """Return the leaves that break a promise between two snapshots.

    Args:
        before: the older snapshot.
        after: the newer one.
        paths: the leaves to compare.
        promise: "norm", "value" or "bits". A leaf that appears, vanishes, or gets another shape or
            dtype breaks every promise. Norms are taken by one call on both leaves, in float64 and
            of flushed values, so that a leaf that keeps its values keeps its norm.

    Returns:
        A change for each leaf that breaks the promise, sorted by path.

    Raises:
        KeyError: for a path that is in neither snapshot.
        ValueError: for an unknown promise.
    """
    if promise not in get_args(Promise):
        raise ValueError(f"`promise` must be one of {get_args(Promise)}, got {promise!r}")
    found = (_change(before, after, path, promise) for path in sorted(paths))
    return [change for change in found if change is not None]


def _change(before: Snapshot, after: Snapshot, path: Path, promise: Promise) -> Change | None:
    if path not in before and path not in after:
        raise KeyError(f"neither snapshot has a leaf `{path_text(path)}`")
    if path not in after:
        return Change(path, "vanished")
    if path not in before:
        return Change(path, "appeared")
    a, b = _as_arrays(before[path], after[path])
    if a.shape != b.shape:
        return Change(path, f"shape {a.shape} → {b.shape}")
    if a.dtype != b.dtype:
        return Change(path, f"dtype {a.dtype} → {b.dtype}")
    if same_bits(a, b):
        return None
    what = None
    if promise == "norm":
        old, new = _norms(a, b)
        if np.array_equal(old, new, equal_nan=True):
            return None
        what = f"norm {_arrow(old, new)}"
    differ = _bits(a) != _bits(b) if promise == "bits" else _values_differ(a, b)
    places = np.flatnonzero(_per_element(differ, a).any(axis=1))
    if not places.size:
        return None
    distances = ulps(a, b).reshape(-1)[places]
    worst = distances.argmax()
    index = tuple(int(i) for i in np.unravel_index(places[worst], a.shape))
    return Change(
        path=path,
        what=what,
        index=index,
        before=a[index],
        after=b[index],
        ulps=None if distances[worst] == NO_DISTANCE else int(distances[worst]),
        difference=_largest_difference(a, b, places),
        count=len(places),
        size=a.size,
    )


def _as_arrays(before: Leaf, after: Leaf) -> tuple[Array, Array]:
    """Return both arrays; a Python number takes the dtype of the array on the other side.

    A Python number has no precision: JAX makes a float32 of a float, and an update returns that.
    """
    a, b = before.array, after.array
    if a.shape == b.shape == () and _sort(a) == _sort(b):
        if _of_python(before):
            return a.astype(b.dtype), b
        if _of_python(after):
            return a, b.astype(a.dtype)
    return a, b


def _of_python(leaf: Leaf) -> bool:
    # With `jax_enable_x64` it may also be a weakly typed array of JAX.
    return leaf.weak_type and leaf.array.dtype in (np.int64, np.float64, np.complex128)


def _sort(a: Array) -> str:
    if a.dtype.kind != "V":
        return a.dtype.kind
    return "f" if is_float(a.dtype) else "i"  # int4 and its like


def _comparable(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


@cache
def _float_info(dtype: np.dtype[Any]) -> Any | None:
    """Return the `finfo` of a float dtype or of a complex one's parts; None for other dtypes."""
    try:
        return ml_dtypes.finfo(dtype)
    except ValueError:
        return None


def _reals(a: Array) -> Array:
    """Return all real numbers in ``a``, flat; a complex number counts as two."""
    flat = a.reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _per_element(reals: Array, a: Array) -> Array:
    """Return results for the reals of ``a`` with one row per element of ``a``."""
    return reals.reshape(a.size, 2 if a.dtype.kind == "c" else 1)


def _bits(a: Array) -> Array:
    reals = _reals(a)
    return reals.view(f"u{reals.itemsize}")


def _widened(a: Array) -> Array:
    """Return the reals of ``a`` in float64, which holds all numbers of smaller floats exactly."""
    with np.errstate(invalid="ignore"):  # raised by a signalling NaN
        return _reals(a).astype(np.float64)


def _flushed(a: Array) -> Array:
    """Return the reals of ``a`` in float64; numbers that are subnormal in the dtype become zero."""
    reals = _widened(a)
    if info := _float_info(a.dtype):
        reals[np.abs(reals) < float(info.smallest_normal)] = 0
    return reals


def _values_differ(a: Array, b: Array) -> Array:
    if not _float_info(a.dtype):  # float64 does not hold all of int64
        return np.not_equal(_reals(a), _reals(b))
    old, new = _flushed(a), _flushed(b)
    return np.not_equal(old, new) & ~(np.isnan(old) & np.isnan(new))


def _largest_difference(a: Array, b: Array, places: npt.NDArray[np.intp]) -> float:
    """Return the largest difference at ``places``; NaN where one side alone is NaN."""
    if not _float_info(a.dtype):
        return int(ulps(a, b).max())  # exact, where float64 would not be
    with np.errstate(over="ignore", invalid="ignore"):
        parts = _per_element(_widened(b) - _widened(a), a)[places]
        sizes = np.hypot(*parts.T) if parts.shape[1] == 2 else np.abs(parts[:, 0])
    # Two NaNs of other payloads differ in bits, and in no value.
    both = np.isnan(_per_element(_widened(a), a)) & np.isnan(_per_element(_widened(b), b))
    return float(np.where(both[places].all(axis=1), 0.0, sizes).max())


def _norms(a: Array, b: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        norms: Array = np.linalg.norm(np.stack([_flushed(a), _flushed(b)]), axis=1)
    return norms


def _ordered(reals: Array) -> Array:
    """Return integers in the order of the numbers, so that neighbours differ by one."""
    info = _float_info(reals.dtype)
    if not info:
        return reals
    # A float's bits are sign and magnitude. The sign is not always the top bit of a byte: a float4
    # is stored in a whole one.
    sign = 1 << (info.bits - 1)
    bits = _bits(reals)
    if float(info.min) > 0:  # a float8_e8m0fnu has no sign, only an exponent
        return bits
    magnitude = (bits & (sign - 1)).astype(np.int64)
    ordered: Array = np.where(bits & sign, -magnitude, magnitude)
    return ordered


def is_near(before: Any, after: Any) -> bool:
    """Tell whether two numbers are at most a factor of two apart: further away, both of them say
    more than a distance in ulps: there are a billion from 0 to 1 in float32.
    """
    a, b = complex(before), complex(after)
    return abs(b - a) <= min(abs(a), abs(b))


def _arrow(before: np.generic, after: np.generic) -> str:
    """Show both to six digits, or by the shortest exact texts where six digits are the same."""
    old, new = _short(before), _short(after)
    # `!s`, since formatting a float32 shows it as the float64 it widens to.
    return f"{old} → {new}" if old != new else f"{before!s} → {after!s}"


def _short(element: np.generic) -> str:
    if np.iscomplexobj(element):
        return f"{complex(element):.6g}"
    return f"{float(element):.6g}" if _float_info(element.dtype) else str(element)


def _hexadecimal(element: np.generic) -> str:
    bits = _bits(np.asarray(element))
    return " ".join(f"0x{int(part):0{2 * part.itemsize}x}" for part in bits)
