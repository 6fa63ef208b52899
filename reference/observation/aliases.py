"""The names by which an optimizer knows parameters that the program shows under others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from itertools import chain

import ml_dtypes
import numpy as np

from ..optimizers.recorded import Recorded, in_full
from ..pytrees.comparison import same_bits, same_value
from ..pytrees.dtypes import is_float
from ..pytrees.paths import Path
from ..pytrees.snapshot import Leaf

Arrays = Mapping[Path, np.ndarray]
Shape = tuple[int, ...]


def known_names(
    recorded: Recorded,
    params: Mapping[Path, Leaf],
    after: Mapping[Path, Leaf],
    frozen: Set[Path],
) -> dict[Path, Path]:
    """Return the parameters by the names under which an optimizer is given them, their own names
    included; a name whose leaf nobody can tell has none.

    An optimizer that is made for a part knows the leaves from there on. Otherwise the step tells,
    in which one parameter alone becomes what an update makes of it, and bits: where they are those
    of another parameter, or a frozen leaf has others, no name says anything, as in a list without
    its first entries, whose leaves have the names of others.

    Zeros and other constants, or a shape, may as well be those of an array that is not shown, or
    not a parameter: they count where the optimizer has no name of a parameter, and all that it is
    given is one; of a frozen leaf, which is rarely given, where it is given as many arrays as there
    are parameters. Several parameters of the same bits may be meant where all of
    them are `frozen`, or none is.
    """
    whole = in_full(recorded, params)
    if whole is not recorded:
        return dict(zip(recorded.params, whole.params, strict=True))
    given, arrays = recorded.params, {path: leaf.array for path, leaf in params.items()}
    found = by_their_steps(recorded, arrays, {path: leaf.array for path, leaf in after.items()})
    own = {name for name in given.keys() & arrays.keys() if _alike(given[name], arrays[name])}
    own = own - found.keys() | {name for name in found if found[name] == name}
    whole_tree = bool(found) and found.keys() <= own and given.keys() >= arrays.keys()
    telling = {name for name in given if _tells(given[name])} | found.keys()
    found = {name: path for name, path in found.items() if path != name}
    taken = own & telling | set(found.values())
    left = {path: array for path, array in arrays.items() if path not in taken}
    for name in given:
        if name in telling - own - found.keys():
            _note(name, _of_its_bits(given[name], left), frozen, found)
    named = own & telling
    if whole_tree or not (found or _has_names_of_others(recorded, arrays, frozen)):
        named = given.keys() & arrays.keys()
    found |= {name: name for name in named}
    return found if named else _likely(given, left, found, frozen)


def by_their_steps(recorded: Recorded, before: Arrays, after: Arrays) -> dict[Path, Path]:
    """Return the parameters that become, in a step, what the last update under a name makes of what
    was given under it, or of themselves where an optimizer is called without parameters.
    """
    both = sorted(before.keys() & after.keys())
    left = {path: None for path in both if not _alike(before[path], after[path])}
    passed = any(array.any() for array in recorded.params.values())
    found: dict[Path, Path] = {}
    for name, update in recorded.updates.items():
        if not update.any() or name not in recorded.params:
            continue
        given = recorded.params[name]
        # Its own first, and one that no other name has: equal updates may be made of two leaves.
        own, others = [name] if name in left else [], chain(left, found.values())
        is_known = passed and _tells(given) and name in before and _alike(given, before[name])
        for path in own if is_known else chain(own, others):
            start = given if passed else before[path]
            if _becomes(start, update, after[path]):
                found[name] = path
                left.pop(path, None)
                break
    return found


def _becomes(start: np.ndarray, update: np.ndarray, after: np.ndarray) -> bool:
    """Tell whether an update of an array makes another one, but for the last digits."""
    if not start.shape == update.shape == after.shape or not is_float(after.dtype):
        return False
    old, step, new = (array.astype(np.float64) for array in (start, update, after))
    unit = float(ml_dtypes.finfo(after.dtype).eps)
    with np.errstate(all="ignore"):
        return bool((np.abs(old + step - new) <= unit * np.maximum(np.abs(old), np.abs(new))).all())


def may_lie_elsewhere(names: Mapping[Path, Shape], params: Mapping[Path, Shape]) -> bool:
    """Tell whether leaves of some names and shapes may be other parameters than those of the names:
    those below a layer, or further on in a list. It may not, where all parameters are named.
    """
    if names.keys() >= params.keys():
        return False
    layers = {path[:length] for path in params for length in range(1, len(path))}
    places = [{layer + name: shape for name, shape in names.items()} for layer in layers]
    if all(name and name[0].isdecimal() for name in names):
        for further in range(1, len(params)):
            places.append({(str(int(n[0]) + further), *n[1:]): shape for n, shape in names.items()})
    return any(place.items() <= params.items() for place in places)


def _has_names_of_others(recorded: Recorded, params: Arrays, frozen: Set[Path]) -> bool:
    """Tell whether an optimizer is given other arrays by the names of parameters: of another shape,
    or in the place of a frozen leaf, or whatever they are if nothing but a place may tell.
    """
    given = recorded.params
    # Zeros are recorded, too, where an optimizer is called without parameters.
    passed = any(array.any() for array in given.values())
    if not passed and any(update.any() for update in recorded.updates.values()):
        shapes = ({path: array.shape for path, array in each.items()} for each in (given, params))
        if may_lie_elsewhere(*shapes):
            return True
    return any(
        given[name].shape != params[name].shape
        or (passed and name in frozen and not _is_cast(given[name], params[name]))
        for name in given.keys() & params.keys()
    )


def _likely(
    given: Arrays, left: Arrays, found: dict[Path, Path], frozen: Set[Path]
) -> dict[Path, Path]:
    """Add what constants and shapes say of the names that are not found, if that explains all."""
    likely = dict(found)
    for name in given:
        if name not in found:
            alike = _of_its_bits(given[name], left)
            if not alike and name not in left:
                alike = _of_its_shape(given[name], left)
            if len(given) == len(left) or frozen.isdisjoint(alike):
                _note(name, alike, frozen, likely)
    return likely if likely.keys() == given.keys() else found


def _is_cast(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether one of two arrays of a shape is the other, in another dtype or in its own."""
    with np.errstate(all="ignore"):
        return same_value(a.astype(b.dtype), b) or same_value(a, b.astype(a.dtype))


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
