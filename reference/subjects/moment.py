"""Takes the moment of a training: snapshots of its parts. Large arrays of the same bits are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..pytrees.comparison import same_bits
from ..pytrees.snapshot import Array, Copies, Snapshot, snapshot_of

#: Bytes of an array that is looked for: a smaller one is held again in less time.
_LARGE = 1 << 14
#: Large arrays of all moments, by dtype, shape and a checksum, as long as anything holds them. What
#: is frozen stays from step to step, and a recording optimizer is handed what the state holds.
_HELD: WeakValueDictionary[tuple[Any, ...], Array] = WeakValueDictionary()


@dataclass(frozen=True)
class Moment:
    """A training at one moment, as snapshots."""

    params: Snapshot
    #: The optimizer's state, where it can be found.
    opt_state: Snapshot | None = None
    #: Statistics of layers, such as running means.
    model_state: Snapshot | None = None
    #: Everything that the training carries, with averaged copies, counters and keys.
    rest: Snapshot | None = None

    @property
    def arrays(self) -> list[Array]:
        """The arrays of all parts; one that is in several of them is there as often."""
        parts = (self.params, self.opt_state, self.model_state, self.rest)
        return [leaf.array for part in parts for leaf in (part or {}).values()]

    def bytes_beside(self, other: Moment) -> int:
        """Return the bytes of the arrays that another moment does not hold."""
        known = {id(array) for array in other.arrays}
        added = {id(array): array for array in self.arrays if id(array) not in known}
        return sum(array.nbytes for array in added.values())


def take_moment(params: Any, opt_state: Any, model_state: Any, everything: Any) -> Moment:
    """Return the moment that these trees show; None stands for a part that does not exist."""
    copies: Copies = {}

    def take(tree: Any) -> Snapshot | None:
        return None if tree is None else snapshot_of(tree, copies, _held)

    try:
        rest = take(everything)
    except Exception:  # a state of the user's that cannot be flattened, or has a path twice
        rest = None
    return Moment(snapshot_of(params, copies, _held), take(opt_state), take(model_state), rest)


def _held(array: Array) -> Array:
    """Return the array of these bits that an earlier moment holds, or this one."""
    if array.nbytes < _LARGE:
        return array
    words = array.reshape(-1).view("u4" if array.itemsize % 4 == 0 else f"u{array.itemsize}")
    # `zlib.crc32` takes twenty times as long; other bits of the same checksum are held, too.
    known = _HELD.setdefault((array.dtype, array.shape, np.bitwise_xor.reduce(words)), array)
    return known if same_bits(known, array) else array
