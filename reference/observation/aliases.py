"""The names by which an optimizer knows parameters that the program shows under others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..pytrees.comparison import same_bits
from ..pytrees.paths import Path

Arrays = Mapping[Path, np.ndarray]


def aliases_of(given: Arrays, params: Arrays, frozen: Collection[Path]) -> dict[Path, Path]:
    """Return the parameters by the names under which an optimizer is given them, where it knows
    them by names that are not theirs: those of the same bits, or else the only one of its shape.

    Zeros and other constants, or a shape, may as well be those of an array that is no parameter, or
    that the program does not show: they count where the optimizer has no name of a parameter, and
    all that it is given is one. Several parameters of the same bits may be meant where all of them
    are `frozen`, or none is.
    """
    own = {name for name, array in given.items() if name in params and _alike(array, params[name])}
    unnamed = [name for name in given if name not in own]
    left = {path: array for path, array in params.items() if path not in own}
    found: dict[Path, Path] = {}
    for name in unnamed:
        if _tells(given[name]):
            _note(name, _of_its_bits(given[name], left), frozen, found)
    if any(name in params for name in given):
        return found
    likely = dict(found)
    for name in unnamed:
        if name not in found:
            array = given[name]
            _note(name, _of_its_bits(array, left) or _of_its_shape(array, left), frozen, likely)
    return likely if likely.keys() >= set(unnamed) else found


def _note(
    name: Path, candidates: Sequence[Path], frozen: Collection[Path], found: dict[Path, Path]
) -> None:
    if candidates and len({path in frozen for path in candidates}) == 1:
        untaken = [path for path in candidates if path not in found.values()]
        found[name] = (untaken or candidates)[0]


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and same_bits(a, b)


def _of_its_bits(array: np.ndarray, params: Arrays) -> list[Path]:
    return [path for path, each in params.items() if _alike(array, each)]


def _of_its_shape(array: np.ndarray, params: Arrays) -> list[Path]:
    """Return the parameter of an array's shape and dtype if it is the only one."""
    alike = (each.shape == array.shape and each.dtype == array.dtype for each in params.values())
    found = [path for path, is_alike in zip(params, alike, strict=True) if is_alike]
    return found if len(found) == 1 else []


def _tells(array: np.ndarray) -> bool:
    """Tell whether an array is known by its bits: it has different numbers, or a single one that is
    neither 0 nor 1, as most begin that are not drawn.
    """
    if array.size == 1:
        return array.item() not in (0, 1)
    return bool((array != array.flat[0]).any()) if array.size else False
