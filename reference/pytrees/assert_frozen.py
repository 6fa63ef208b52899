"""`assert_frozen`: one assertion over two pytrees or modules, for any training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any, get_args

import numpy as np

from .articles import a_type_of
from .comparison import Change, Promise, changes
from .layer_state import layer_state_hint
from .paths import Frozen, Path, UnmatchedPattern, flatten, other_root_hint, path_text, select
from .snapshot import Snapshot, snapshot

_LISTED = 50  # leaves that a failed assertion shows
_HEADER = ("leaf", "largest difference", "ulps", "elements", "furthest")
_TAKE_ONE = "take `before = frostproof.snapshot(model)` before you train the model"


def assert_frozen(before: Any, after: Any, frozen: Frozen, promise: Promise = "value") -> None:
    """Assert that training has not changed the frozen leaves of a model.

    Frozen leaves must also exist on both sides, with the same shape and dtype; containers, types of
    variables and weak types may differ.

    Args:
        before: the model before training: a pytree, ``nnx.State``, ``nnx.Module``, or a
            `frostproof.snapshot` of one, which a model that is trained in place needs.
        after: the model after training.
        frozen: path prefixes, compared segment by segment, or a predicate on the path; `()` names
            no leaf.
        promise: what frozen leaves must keep: their "norm", their "value" (NaN equals NaN in its
            place, -0 equals +0, subnormals are 0) or their "bits".

    Raises:
        AssertionError: with a table of the leaves that moved.
        ValueError: where both sides are the same object or share frozen leaves that can be changed
            in place, so that no change could be seen; for a pattern that matches no leaf, a donated
            buffer, a tracer (inside `jax.jit`) and an unknown promise.
        TypeError: for a `frozen` of another type.
    """
    __tracebackhide__ = True  # pytest shows the line of the caller
    if promise not in get_args(Promise):
        known = ", ".join(map(repr, get_args(Promise)))
        raise ValueError(f"`promise` must be one of {known}, got {promise!r}")
    if before is after:
        raise ValueError(
            f"`before` and `after` are the same object, {a_type_of(before)}: no change can "
            f"be seen; {_TAKE_ONE}"
        )
    old, new = _take_snapshot("before", before), _take_snapshot("after", after)
    chosen = _choose({**old, **new}, frozen, before, after)
    if shared := sorted(_find_shared(before, after) & chosen):
        names = ", ".join(map(path_text, shared))
        raise ValueError(
            f"`before` and `after` share {names}, which can be changed in place: no change can be "
            f"seen; {_TAKE_ONE}"
        )
    if moved := changes(old, new, chosen, promise):
        number = f"{len(moved)} of {len(chosen)} frozen leaves did not keep their {promise}"
        kinds = {each.path: (old.get(each.path) or new[each.path]).kind for each in moved}
        vanished = [each.path for each in moved if each.path not in new]
        hint = layer_state_hint(kinds)
        if len(vanished) == len(chosen):
            hint += other_root_hint(vanished, new)
        raise AssertionError("\n".join([f"{number}:", "", *_table(moved), *hint]))


def _take_snapshot(name: str, tree: Any) -> Snapshot:
    try:
        return snapshot(tree)
    except ValueError as error:
        raise ValueError(f"`{name}`: {error}") from None


def _choose(leaves: Any, frozen: Frozen, before: Any, after: Any) -> frozenset[Path]:
    try:
        return select(leaves, frozen)
    except UnmatchedPattern:
        if leaves:
            raise
    types = " and ".join(dict.fromkeys(type(tree).__name__ for tree in (before, after)))
    register = (
        ": register the class by `jax.tree_util.register_dataclass`" if is_dataclass(after) else ""
    )
    raise ValueError(f"JAX finds no arrays in `before` or `after` ({types}){register}")


def _find_shared(before: Any, after: Any) -> set[Path]:
    """Return the paths at which both trees hold one object that can be changed in place."""
    if isinstance(before, Snapshot) or isinstance(after, Snapshot):
        return set()
    old = {path: (leaf, variable) for path, leaf, variable in flatten(before)[0]}
    return {
        path
        for path, leaf, variable in flatten(after)[0]
        if path in old and _same_place(old[path], (leaf, variable))
    }


def _same_place(old: tuple[Any, Any], new: tuple[Any, Any]) -> bool:
    import jax

    (a, one), (b, other) = old, new
    if one is not None and one is other:  # `nnx.state` and `nnx.split` share a module's variables
        return True
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.shares_memory(a, b) and (_writable(a) or _writable(b))
    unchanging = isinstance(a, jax.Array | np.generic | int | float | complex)
    return a is b and (isinstance(a, jax.Ref) or (hasattr(a, "__array__") and not unchanging))


def _writable(array: Any) -> bool:
    """Tell whether an array, or one that it is a view of, can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


def _table(moved: Sequence[Change]) -> Iterator[str]:
    rows = [_HEADER, *map(_row, moved[:_LISTED])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()
    if len(moved) > _LISTED:
        yield f"… and {len(moved) - _LISTED} more"


def _row(change: Change) -> tuple[str, str, str, str, str]:
    where = f"[{', '.join(map(str, change.index))}]: " if change.index else ""
    words = ", ".join(filter(None, (change.what, change.element and where + change.element)))
    if change.difference is None:
        return path_text(change.path), "", "", "", words
    return (
        path_text(change.path),
        f"{change.difference:.6g}",
        "" if change.ulps is None else str(change.ulps),
        f"{change.count} of {change.size}",
        words,
    )
