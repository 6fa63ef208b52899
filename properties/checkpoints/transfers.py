"""Leaves whose content is found under another path: swapped, or renamed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ...reference.checkpoints.stored_leaf import StoredLeaf
from ...reference.pytrees.paths import Path, path_text
from .pairing import Pair

#: Bytes of a digest: two contents share one by chance once in 2¹²⁸.
_DIGEST = 16


def transfers(
    pairs: Sequence[Pair],
    moved: Collection[Path],
    accused: Collection[Path],
    map_leaves: Callable[..., Iterable[bytes]] = map,
) -> Mapping[Path, str]:
    """Tell of each accused leaf whether its content was, or is, that of another one that moved.

    Only leaves of the shape and dtype of an accused one are read.
    """
    blamed = [pair for pair in pairs if pair.path in accused]
    forms = {_form(leaf) for pair in blamed for leaf in (pair.before, pair.after) if leaf}
    lost, new = (
        {
            pair.path: leaf
            for pair in pairs
            if pair.path in moved and (leaf := getattr(pair, side)) and _form(leaf) in forms
        }
        for side in ("before", "after")
    )
    if len(lost.keys() | new.keys()) < 2:
        return {}
    digests = [*map_leaves(digest, [*lost.values(), *new.values()])]
    held = dict(zip(lost, digests[: len(lost)], strict=True))
    holds = dict(zip(new, digests[len(lost) :], strict=True))
    source, target = ({each: path for path, each in by.items() if each} for by in (held, holds))
    told = {path: _told(path, held, holds, source, target) for path in accused}
    return {path: text for path, text in told.items() if text}


def _form(leaf: StoredLeaf) -> object:
    return leaf.shape, leaf.dtype


def _told(
    path: Path,
    held: Mapping[Path, bytes],
    holds: Mapping[Path, bytes],
    sources: Mapping[bytes, Path],
    targets: Mapping[bytes, Path],
) -> str | None:
    source = sources.get(holds.get(path, b""))
    target = targets.get(held.get(path, b""))
    if path not in held:
        return f"it was {path_text(source)} before: renamed" if source else None
    if path not in holds:
        return f"it is {path_text(target)} now: renamed (see --map)" if target else None
    if source is None or source == path:
        return None
    swapped = "it was swapped with" if source == target else "it holds the content of"
    return f"{swapped} {path_text(source)}"


def digest(leaf: StoredLeaf) -> bytes:
    """Return a digest of a leaf's content; an empty one for a constant, which tells nothing."""
    found = hashlib.blake2b(digest_size=_DIGEST)
    first, constant = None, True
    for piece in leaf.pieces():
        data = piece.view("u1")
        if piece.size and constant:
            first = data[: leaf.dtype.itemsize].tobytes() if first is None else first
            constant = data.tobytes() == first * piece.size
        found.update(data.data)
    return b"" if constant else found.digest()
