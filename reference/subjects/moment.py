"""Takes the moment of a training: snapshots of all its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..pytrees.snapshot import Copies, Snapshot, snapshot_of


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


def take_moment(params: Any, opt_state: Any, model_state: Any, everything: Any) -> Moment:
    """Return the moment that these trees show; None stands for a part that does not exist."""
    copies: Copies = {}

    def take(tree: Any) -> Snapshot | None:
        return None if tree is None else snapshot_of(tree, copies)

    try:
        rest = take(everything)
    except Exception:  # a state of the user's that cannot be flattened, or has a path twice
        rest = None
    return Moment(snapshot_of(params, copies), take(opt_state), take(model_state), rest)
