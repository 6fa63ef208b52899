"""What moved a leaf that was to stay, as far as its numbers tell: a hint, never a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import ml_dtypes
import numpy as np

from ...reference.checkpoints.stored_leaf import StoredLeaf
from ...reference.pytrees.dtypes import is_float
from ...reference.pytrees.snapshot import Array
from .difference import Difference, differing, multiset, widened
from .low_rank import adapter_rank

#: The part of a movement (of its squared length) that a cause has to explain. Rounding takes up to
#: a twelfth of a unit in the last place squared off a movement: a decay by ten units keeps 0.999
#: of it, and one by two units 0.98. Training that has nothing to do with the weights explains 1/n.
_EXPLAINED = 0.95
_HALVES: dict[str, Any] = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def cause_of(before: StoredLeaf, after: StoredLeaf, found: Difference) -> str | None:
    """Return what the movement of a leaf looks like, in words that go on after its name.

    None where it has not moved, or its numbers tell nothing.
    """
    if not found.moved:
        return None
    if found.keeps_value:
        return _kept_values(before, after)
    if not is_float(before.dtype):
        return None
    # Where pieces have the same bits they say nothing: one element in a large leaf is soon told.
    seen = _Movement()
    for _, x, y in differing(before, after):
        seen.add(x, y)
    seen.which = "all elements" if seen.size == before.size else "all elements where it moved"
    return (
        seen.not_finite()
        or seen.flipped()
        or seen.cast()
        or seen.permuted()
        or seen.scaled()
        or seen.averaged()
        or _merged_adapter(before, after, found)
    )


def _kept_values(before: StoredLeaf, after: StoredLeaf) -> str:
    """Of a leaf that keeps its values: which bits moved nevertheless."""
    zeros = flushed = payloads = 0
    for _, x, y in differing(before, after):
        old, new = widened(x), widened(y)
        moved = x.view(f"u{x.itemsize}") != y.view(f"u{y.itemsize}")
        nan, zero = np.isnan(old) & moved, (old == 0) & (new == 0) & moved
        payloads += int(nan.sum())
        zeros += int(zero.sum())
        flushed += int((moved & ~nan & ~zero).sum())
    kinds = {"the sign of zeros": zeros, "subnormals": flushed, "payloads of NaNs": payloads}
    told = [f"{name} ({count:,})" for name, count in kinds.items() if count]
    return f"only {' and '.join(told)} changed: something was added to it, be it zero"


def _merged_adapter(before: StoredLeaf, after: StoredLeaf, found: Difference) -> str | None:
    # A product of two matrices leaves hardly an element where it is.
    few = found.change is None or 2 * found.change.count < before.size
    rank = None if few else adapter_rank(before, after)
    if rank is None:
        return None
    return f"the difference has rank {rank}, to within rounding: an adapter was merged into it"


@final
@dataclass
class _Movement:
    """Sums over the pieces of a leaf that moved, before and after."""

    which: str = "all elements"
    size: int = 0
    #: Σ before², Σ movement², Σ before · movement.
    weights: float = 0.0
    movement: float = 0.0
    along: float = 0.0
    ended: int = 0
    magnitudes_kept: bool = True
    zeroed: bool = True
    before_set: int = 0
    after_set: int = 0

    def __post_init__(self) -> None:
        #: By half precision: whether all that is after is the cast of what was, whether it is of
        #: that precision, and how far from the cast in its own units.
        self.casts = dict.fromkeys(_HALVES, True)
        self.of_half = dict.fromkeys(_HALVES, True)
        self.was_half = dict.fromkeys(_HALVES, True)

    def add(self, x: Array, y: Array) -> None:
        old, new = widened(x), widened(y)
        self.size += x.size
        self.ended += int((np.isfinite(old) & ~np.isfinite(new)).sum())
        with np.errstate(invalid="ignore", over="ignore"):
            step = new - old
            self.weights += float(old @ old)
            self.movement += float(step @ step)
            self.along += float(old @ step)
            self.magnitudes_kept &= bool((np.abs(old) == np.abs(new)).all())
            self.zeroed &= not new.any()
        self.before_set += multiset(x.view(f"u{x.itemsize}"))
        self.after_set += multiset(y.view(f"u{y.itemsize}"))
        for name, half in _HALVES.items():
            self.was_half[name] = self.was_half[name] and _same(_through(x, half), x)
            self.of_half[name] = self.of_half[name] and _same(_through(y, half), y)
            self.casts[name] = self.casts[name] and _same(_through(x, half), y)

    def not_finite(self) -> str | None:
        if self.ended:
            return f"{self.ended:,} element{'s' * (self.ended != 1)} became NaN or infinite"
        return f"{self.which} are zero now" if self.zeroed else None

    def flipped(self) -> str | None:
        return "only signs are flipped" if self.magnitudes_kept else None

    def cast(self) -> str | None:
        for name, applies in self.casts.items():
            if applies and not self.was_half[name]:
                return f"{self.which} were cast to {name} and back"
        return None

    def permuted(self) -> str | None:
        if (self.before_set - self.after_set) % 2**64 == 0:
            return "the same numbers stand in other places: a permutation"
        return None

    def scaled(self) -> str | None:
        """Whether the movement is along the weights themselves."""
        product = self.weights * self.movement
        if not product or not math.isfinite(product):
            return None
        if self.along**2 / product < _EXPLAINED or self.size < 2:
            return None
        excess = self.along / self.weights
        kind = "a weight decay" if -1 <= excess < 0 else "a rescaling"
        # Of a factor near 1 the digits that tell it from 1.
        near = f"1 {'−' if excess < 0 else '+'} {abs(excess):.3g}"
        factor = near if abs(excess) < 0.5 else f"{1 + excess:.6g}"
        return f"{self.which} are multiplied by {factor}, to within rounding: {kind}"

    def averaged(self) -> str | None:
        for name, applies in self.of_half.items():
            if applies and not self.was_half[name]:
                return (
                    f"{self.which} are {name} numbers now: an average, or weights, kept in {name}"
                )
        return None


def _through(x: Array, half: Any) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        return x.astype(half).astype(x.dtype)


def _same(x: Array, y: Array) -> bool:
    return bool((x.view(f"u{x.itemsize}") == y.view(f"u{y.itemsize}")).all())
