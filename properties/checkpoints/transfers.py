"""Leaves whose content is found under another path: swapped, or renamed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from ...reference.checkpoints.stored_leaf import StoredLeaf
from ...reference.pytrees.paths import Path, path_text
from .pairing import Pair

#: Bytes of a digest: two contents share one by chance once in 2¹²⁸.
_DIGEST = 16


def transfers(
    pairs: Sequence[Pair], moved: Iterable[Path], map_leaves: Callable[..., Iterable[bytes]] = map
) -> Mapping[Path, str]:
    """Tell of each leaf that moved, vanished or appeared whether its content was, or is, that of
    another one.

    Only leaves of the shape and dtype of another such leaf are read.
    """
    changed = set(moved)
    lost = [pair for pair in pairs if pair.before is not None and _concerns(pair, changed)]
    new = [pair for pair in pairs if pair.after is not None and _concerns(pair, changed)]
    lost = [pair for pair in lost if _form(pair.before) in {_form(each.after) for each in new}]
    new = [pair for pair in new if _form(pair.after) in {_form(each.before) for each in lost}]
    if len(lost) < 1 or len({pair.path for pair in (*lost, *new)}) < 2:
        return {}
    digests = [*map_leaves(digest, [pair.before for pair in lost] + [pair.after for pair in new])]
    held = dict(zip((pair.path for pair in lost), digests, strict=False))
    holds = dict(zip((pair.path for pair in new), digests[len(lost) :], strict=True))
    return {path: text for path in {*held, *holds} if (text := _told(path, pairs, held, holds))}


def _concerns(pair: Pair, changed: set[Path]) -> bool:
    leaf = pair.before or pair.after
    # All leaves of zeros are alike, and so are scalars of one value.
    return (
        leaf is not None
        and leaf.size > 1
        and (pair.path in changed or None in (pair.before, pair.after))
    )


def _form(leaf: StoredLeaf | None) -> object:
    return None if leaf is None else (leaf.shape, leaf.dtype)


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


def _told(
    path: Path, pairs: Sequence[Pair], held: Mapping[Path, bytes], holds: Mapping[Path, bytes]
) -> str | None:
    now, was = holds.get(path), held.get(path)
    source = next((other for other, each in held.items() if now and each == now), None)
    target = next((other for other, each in holds.items() if was and each == was), None)
    if source is not None and source == target and source != path:
        return f"it was swapped with {path_text(source)}"
    if path not in held and source is not None:
        return f"it was {path_text(source)} before: renamed"
    if path not in holds and target is not None:
        return f"it is {path_text(target)} now: renamed (see --map)"
    if source is not None and source != path:
        return f"it holds what {path_text(source)} held"
    return None
