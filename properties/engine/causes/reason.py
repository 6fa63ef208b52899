"""A reason why leaves moved or stayed: a kind of fault, the leaves that it reaches, and words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ....reference.pytrees.paths import Path, path_text

#: The kind of an inverted mask: one fault of a subject, whatever leaves a law names.
INVERTED = "inverted"
#: The same where two parts train in turns: to begin with the wrong one looks alike.
SWAPPED = "inverted or in swapped turns"
#: The kind of what keeps values and changes bits: the sum with zero of −0.0, or of a subnormal.
ADDED_ZERO = "added zero"
#: The kind of a decay of weights, however it is told from the rest of what an optimizer does.
DECAY = "decay"
#: The kind of what an optimizer keeps of gradients that it got before.
EARLIER = "earlier gradients"
#: The kinds of faults by which a leaf moves although the mask is heeded. They lie in how a freeze
#: and an optimizer are put together, and in no leaf.
OF_NO_LEAF = (
    "raw gradient",
    "product",
    DECAY,
    EARLIER,
    "gradient of zero",
    "overflow of zero",
    ADDED_ZERO,
)
#: The kinds of faults in which no leaf moves at all.
NOTHING_MOVES = (
    "no change",
    "no move",
    "in place under `jax.jit`",
    "all left out",
    "all zeroed",
    "all kept",
)

#: How many names or layers are named that leaves have in common.
_FEW = 3


@dataclass(frozen=True)
class Reason:
    """What is to blame. Two laws that find the same kind in the same leaves tell of one fault."""

    #: The kind of fault, without what differs from one example to the next, such as an optimizer.
    kind: str
    text: str
    #: The leaves that it is known to reach; none where it is not about leaves.
    leaves: frozenset[Path] = frozenset()
    #: What helps to mend it: it is told after all that is certain.
    hint: str = ""
    #: Whether these are all leaves that the program is to freeze.
    whole: bool = False

    @property
    def fault(self) -> dict[str, Any] | None:
        """What tells the fault from others, as JSON can hold it."""
        if not self.leaves:
            return None
        fault = {"kind": self.kind, "leaves": [path_text(path) for path in sorted(self.leaves)]}
        return fault | ({"whole": True} if self.whole else {})


def extent(reached: Collection[Path], leaves: Collection[Path], sort: str, verb: str) -> str | None:
    """Say which of some `sort` of leaves do what the `verb` says, whose first word is one: all, all
    under one layer, all of one name, or the like. None where there is a single one.
    """
    found, known = sorted(reached), sorted(leaves)
    if len(known) == 1:
        return None
    if len(found) == len(known):
        return f"{_all(found)} {sort} leaves {verb}"
    does = verb if len(found) != 1 else _singular(verb)
    counted = f"{len(found)} of {len(known)} {sort} leaves {does}"
    others = [path for path in known if path not in found]
    if len(others) == 1 < len(found):
        counted += f", all but {path_text(others[0])}"
    return _alike(found, known, sort, verb) or counted


def _alike(found: Sequence[Path], known: Sequence[Path], sort: str, verb: str) -> str | None:
    """Say what several leaves have in common that no other has: a layer, names, names in a layer,
    or a few layers.
    """
    if len(found) < 2:
        return None
    if layer := _layers(found, known, 1):
        return f"{_all(found)} leaves under {layer} {verb}, no other {sort} leaf"
    names = sorted({path[-1] for path in found})
    if len(names) <= min(_FEW, len(found) - 1):
        of_name = [path for path in known if path[-1] in names]
        shared = _shared(found)
        inside = [path for path in of_name if path[: len(shared)] == shared]
        if inside == found:
            under = "" if of_name == found else f" under `{path_text(shared)}`"
            every = f"every {sort} {_listed(names)}{under}"
            return f"{every} {_singular(verb)} ({len(found)}), no other {sort} leaf"
    if layers := _layers(found, known, min(_FEW, len(found) - 1)):
        return f"{_all(found)} leaves under {layers} {verb}, no other {sort} leaf"
    return None


def _layers(found: Sequence[Path], known: Sequence[Path], most: int) -> str | None:
    """Name the layers, at most so many, under which these and no other leaves are; the largest."""
    for length in range(1, min(map(len, found))):
        prefixes = sorted({path[:length] for path in found})
        if len(prefixes) <= most and [p for p in known if p[:length] in prefixes] == found:
            return _listed([path_text(prefix) for prefix in prefixes])
    return None


def _shared(paths: Sequence[Path]) -> Path:
    """Return the layer that all paths begin with, which may be none."""
    levels = zip(*(path[:-1] for path in paths), strict=False)
    return tuple(names[0] for names in takewhile(lambda names: len({*names}) == 1, levels))


def _listed(names: Sequence[str]) -> str:
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} and {last}" if others else last


def _singular(verb: str) -> str:
    first, *rest = verb.split()
    return " ".join([f"{first}s", *rest])


def _all(leaves: Sequence[Path]) -> str:
    return "both" if len(leaves) == 2 else f"all {len(leaves)}"
