"""Patterns that name leaves of a checkpoint: prefixes, segment by segment, with `*` and `**`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from ...reference.pytrees.paths import Path, UnmatchedPattern


def select(option: str, patterns: Collection[str], paths: Iterable[Path]) -> frozenset[Path]:
    """Return the paths that a pattern covers. `encoder/block_1` covers `encoder/block_1/kernel` and
    not `encoder/block_10`; `*` stands for anything within a segment, `**` for any segments.

    Where "/" separates no pattern's segments, "." does: so names can be written as PyTorch and
    safetensors show them. Raises `UnmatchedPattern` for a pattern that covers none.
    """
    paths = tuple(paths)
    selected: set[Path] = set()
    for pattern in patterns:
        covered = {path for path in paths if covers(pattern.split("/"), path)} or {
            path for path in paths if covers(pattern.replace(".", "/").split("/"), path)
        }
        if not covered:
            raise UnmatchedPattern(pattern, paths, option, wildcards=True)
        selected |= covered
    return frozenset(selected)


def covers(pattern: list[str], path: Path) -> bool:
    """Whether a path begins with segments that fit."""
    if not pattern:
        return True
    first, *rest = pattern
    if first == "**":
        # A prefix fits everywhere; what follows `**` may begin at any segment.
        return not rest or any(covers(rest, path[start:]) for start in range(len(path)))
    if not path or not (path[0] == first or fnmatchcase(path[0], first)):
        return False
    return covers(rest, path[1:])
