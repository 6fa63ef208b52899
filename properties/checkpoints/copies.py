"""Averaged copies of frozen leaves that a checkpoint keeps beside them: they have to equal them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from ...reference.checkpoints.stored_leaf import StoredLeaf
from ...reference.pytrees.comparison import Change, same_value
from ...reference.pytrees.paths import Path
from ...reference.pytrees.snapshot import Array
from .difference import difference, together
from .pairing import Pair
from .roles import below_root, is_average


@final
@dataclass(frozen=True)
class Copy:
    """A leaf that is named as an average of a frozen leaf, its owner, and both before and after."""

    path: Path
    before: StoredLeaf
    after: StoredLeaf
    owner_before: StoredLeaf
    owner_after: StoredLeaf

    @property
    def equalled_before(self) -> bool:
        """Whether it held its owner's numbers, and not one number only, as an average of gradients
        may: that is not a copy.
        """
        return _varies(self.before) and _equal(self.owner_before, self.before)

    @property
    def drift(self) -> Change | None:
        """How it differs from its owner now; None if it does not."""
        if _equal(self.owner_after, self.after):
            return None
        return difference(_cast(self.owner_after, self.after), self.after, complete=True).change


def copies_of(frozen: Collection[Path], pairs: Collection[Pair]) -> list[Copy]:
    """Find leaves that are named as averages of a frozen leaf, of its shape, on both sides."""
    owners = [pair for pair in pairs if pair.path in frozen]
    found = []
    for pair in pairs:
        marks = [place for place, segment in enumerate(pair.path) if is_average(segment)]
        if not marks or pair.path in frozen:
            continue
        rest = pair.path[marks[-1] + 1 :]
        owner = next((each for each in owners if _names(rest, below_root(each.path))), None)
        if owner is not None and (copy := _copy(pair, owner)) is not None:
            found.append(copy)
    return found


def _names(rest: Path, own: Path) -> bool:
    """Whether what follows the mark of an average is the path of a parameter: whole, or without the
    name of the model, as `model_ema/l1/kernel` has it.
    """
    return bool(rest) and (rest[-len(own) :] == own or rest == own[1:])


def _copy(pair: Pair, owner: Pair) -> Copy | None:
    before, after, old, new = pair.before, pair.after, owner.before, owner.after
    if before is None or after is None or old is None or new is None:
        return None
    if pair.form_change or owner.form_change or before.shape != old.shape:
        return None
    return Copy(pair.path, before, after, old, new)


def _equal(owner: StoredLeaf, copy: StoredLeaf) -> bool:
    return all(same_value(x, y) for _, x, y in together(_cast(owner, copy), copy))


def _varies(leaf: StoredLeaf) -> bool:
    first: Array | None = None
    for piece in leaf.pieces():
        first = piece[:1].copy() if first is None and piece.size else first
        if first is not None and (piece != first).any():
            return True
    return False


def _cast(leaf: StoredLeaf, like: StoredLeaf) -> StoredLeaf:
    def pieces() -> Iterator[Array]:
        for piece in leaf.pieces():
            with np.errstate(over="ignore", invalid="ignore"):
                yield piece.astype(like.dtype)

    return replace(leaf, dtype=like.dtype, pieces=pieces)
