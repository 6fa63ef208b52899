"""Which leaf after belongs to which before: by path, by named renames, by named transposes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from ...reference.checkpoints.stored_leaf import PIECE, StoredLeaf, require_harmless, whole
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Array
from .patterns import select

Leaves = Mapping[Path, StoredLeaf]


@final
@dataclass(frozen=True)
class Pair:
    """What is stored under one path before and after; None where nothing is."""

    path: Path
    before: StoredLeaf | None
    after: StoredLeaf | None

    @property
    def form_change(self) -> str | None:
        """What became of the leaf's form in words; None for one that can be compared."""
        before, after = self.before, self.after
        if before is None:
            return "appeared"
        if after is None:
            return "vanished"
        if before.shape != after.shape:
            return f"shape {before.shape} → {after.shape}"
        if before.dtype != after.dtype:
            return f"dtype {before.dtype} → {after.dtype}"
        return None


def pair_up(before: Leaves, after: Leaves) -> list[Pair]:
    """Return a pair for each path, in the order of `after`, what vanished last."""
    paths = dict.fromkeys((*after, *before))
    return [Pair(path, before.get(path), after.get(path)) for path in paths]


def renamed(leaves: Leaves, maps: Sequence[str]) -> Leaves:
    """Return the leaves under the names that `REGEX=REPL` make of theirs, one after the other.

    Raises `ValueError` for a map without "=", a bad expression, one that changes no name, and two
    leaves that get the same name.
    """
    for text in maps:
        pattern, equals, replacement = text.rpartition("=")
        if not equals:
            raise ValueError(f"--map {text}: write REGEX=REPL")
        try:
            names = {path: re.sub(pattern, replacement, path_text(path)) for path in leaves}
        except (re.error, IndexError) as error:
            raise ValueError(f"--map {text}: {error}") from None
        if all(name == path_text(path) for path, name in names.items()):
            raise ValueError(f"--map {text} changes no name of {next(map(path_text, leaves))}, …")
        moved: dict[Path, StoredLeaf] = {}
        for path, name in names.items():
            new = tuple(name.split("/"))
            require_harmless(new)
            if new in moved:
                raise ValueError(f"--map {text} gives two leaves the name {name}")
            moved[new] = replace(leaves[path], path=new)
        leaves = moved
    return leaves


def transposed(leaves: Leaves, transposes: Sequence[str]) -> Leaves:
    """Return the leaves; those that a `PATTERN` covers have their dimensions reversed, or in the
    order of `PATTERN=2,3,1,0`.

    Raises `ValueError` for a pattern without a match and for an order of other dimensions.
    """
    turned = dict(leaves)
    for text in transposes:
        pattern, equals, order = text.partition("=")
        for path in select("transpose", [pattern], leaves):
            leaf = leaves[path]
            axes = tuple(reversed(range(len(leaf.shape))))
            if equals:
                axes = tuple(
                    int(axis) if axis.strip().isdecimal() else -1 for axis in order.split(",")
                )
            if sorted(axes) != list(range(len(leaf.shape))):
                raise ValueError(
                    f"--transpose {text}: {path_text(path)} has {len(leaf.shape)} dimensions, and "
                    f"{order} is not an order of them"
                )
            turned[path] = _turned(leaf, axes)
    return turned


def _turned(leaf: StoredLeaf, axes: tuple[int, ...]) -> StoredLeaf:
    shape = tuple(leaf.shape[axis] for axis in axes)
    if len(shape) < 2:
        return leaf

    def pieces() -> Iterator[Array]:
        turned = whole(leaf).transpose(axes)
        rows = max(1, PIECE // max(1, turned[:1].nbytes))
        for start in range(0, shape[0], rows):
            yield np.ascontiguousarray(turned[start : start + rows]).reshape(-1)

    return replace(leaf, shape=shape, pieces=pieces, memory=leaf.memory + leaf.nbytes + PIECE)
