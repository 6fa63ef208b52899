"""A reason why leaves moved or stayed: a kind of fault, the leaves that it reaches, and words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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
    """Say which of some `sort` of leaves do what the `verb` says: all, all under one layer, or all
    of one name. None where there is a single one.
    """
    found, known = sorted(reached), sorted(leaves)
    if len(known) == 1:
        return None
    if len(found) == len(known):
        return f"{_all(found)} {sort} leaves {verb}"
    counted = f"{len(found)} of {len(known)} {sort} leaves {verb}{'s' * (len(found) == 1)}"
    others = [path for path in known if path not in found]
    if len(others) == 1 < len(found):
        counted += f", all but {path_text(others[0])}"
    return _alike(found, known, sort, verb) or counted


def _alike(found: Sequence[Path], known: Sequence[Path], sort: str, verb: str) -> str | None:
    """Say what several leaves have in common that no other has."""
    if len(found) < 2:
        return None
    for length in range(1, max(map(len, found))):
        prefix = found[0][:length]
        if [path for path in known if path[:length] == prefix] == found:
            under = f"{_all(found)} leaves under `{path_text(prefix)}`"
            return f"{under} {verb}, no other {sort} leaf"
    name = found[0][-1]
    if [path for path in known if path[-1] == name] == found:
        return f"every {sort} `{name}` {verb}s ({len(found)}), no other {sort} leaf"
    return None


def _all(leaves: Sequence[Path]) -> str:
    return "both" if len(leaves) == 2 else f"all {len(leaves)}"
