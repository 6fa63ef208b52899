"""By what the names of two checkpoints differ, where it is the same for all parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...reference.pytrees.paths import Path
from .pairing import Leaves, renamed
from .roles import Role, has_params, role_of

#: Affixes that are tried, those first that would pair most leaves.
_TRIED = 4


class _Affixes(NamedTuple):
    """What stands before and behind the part of two names that is the same."""

    old_start: Path
    new_start: Path
    old_end: Path
    new_end: Path

    @property
    def swaps(self) -> bool:
        """Whether something else stands there, and not only something more."""
        return bool((self.old_start and self.new_start) or (self.old_end and self.new_end))

    def maps(self) -> tuple[str, ...]:
        """Return the `REGEX=REPL` that give the new names."""
        start, new_start = ("".join(f"{each}/" for each in path) for path in self[:2])
        end, new_end = ("".join(f"/{each}" for each in path) for path in self[2:])
        maps = []
        if start or new_start:
            maps.append(f"^{re.escape(start)}={_literal(new_start)}")
        if end or new_end:
            maps.append(f"{re.escape(end)}$={_literal(new_end)}")
        return tuple(maps)


def suggested_maps(before: Leaves, after: Leaves) -> tuple[str, ...]:
    """Return the `REGEX=REPL` by which all parameters of one side find those of the other, where
    their names differ in what stands before or behind them all; none where nothing does that.

    So it is between Flax's `nnx.state`, which Orbax stores as `kernel/value`, and its
    `nnx.to_pure_dict`, and between a tree and what holds it under `params`.
    """
    old, new = _parameters(before), _parameters(after)
    vanished = [path for path in old if path not in new]
    appeared = [path for path in new if path not in old]
    for affixes, count in Counter(_affixes(vanished, appeared)).most_common(_TRIED):
        if count == 1 and affixes.swaps:  # a lone `kernel` may be that of another layer
            continue
        maps = affixes.maps()
        if _pairs_all(before, old, new, maps):
            return maps
    return ()


def _parameters(leaves: Leaves) -> Leaves:
    """Return the parameters, which alone are to be found; all leaves where none has such a name."""
    collected = has_params(leaves)
    roles = {path: role_of(path, leaf, (), collected=collected) for path, leaf in leaves.items()}
    return {path: leaves[path] for path in leaves if roles[path] is not Role.STATE} or leaves


def _affixes(vanished: Iterable[Path], appeared: Iterable[Path]) -> Iterator[_Affixes]:
    """Yield, for each leaf that vanished, what it shares least of a name by which it is found.

    Names are shared by the longest part that only these two leaves have: `kernel` is in many.
    """
    old_places, new_places = _lone_parts(vanished), _lone_parts(appeared)
    longest: dict[Path, Path] = {}
    for part in sorted(old_places.keys() & new_places.keys(), key=len):
        longest[old_places[part]] = part
    for old, part in longest.items():
        new = new_places[part]
        (old_start, old_end), (new_start, new_end) = _around(part, old), _around(part, new)
        yield _Affixes(old_start, new_start, old_end, new_end)


def _lone_parts(paths: Iterable[Path]) -> dict[Path, Path]:
    """Return the parts of paths that are in one of them only, and in which."""
    places: dict[Path, Path | None] = {}
    for path in paths:
        for start in range(len(path)):
            for end in range(start + 1, len(path) + 1):
                part = path[start:end]
                places[part] = None if part in places else path
    return {part: path for part, path in places.items() if path is not None}


def _around(part: Path, path: Path) -> tuple[Path, Path]:
    """Return what stands in a path before and behind a part of it."""
    start = next(at for at in range(len(path)) if path[at : at + len(part)] == part)
    return path[:start], path[start + len(part) :]


def _pairs_all(before: Leaves, old: Leaves, new: Leaves, maps: tuple[str, ...]) -> bool:
    """Tell whether each parameter of one side finds one of the other, most in the same shape."""
    try:
        names = dict(zip(before, renamed(before, maps), strict=True))
    except ValueError:  # two leaves would get one name, or a name holds what maps do not
        return False
    given = {names[path]: leaf for path, leaf in old.items()}
    paired = given.keys() & new.keys()
    fitting = sum(given[path].shape == new[path].shape for path in paired)
    return len(paired) == min(len(given), len(new)) and 2 * fitting > len(paired)


def _literal(replacement: str) -> str:
    """Return a text as `re.sub` replaces by it, and no "=" in it, at which a map is parted."""
    return replacement.replace("\\", "\\\\").replace("=", r"\075")
