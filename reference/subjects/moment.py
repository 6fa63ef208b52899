"""All that can be seen of a training at one moment, as snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..pytrees.snapshot import Copies, Snapshot, snapshot_of


@dataclass(frozen=True)
class Moment:
    """All that can be seen of a training at one moment."""

    params: Snapshot
    #: The optimizer's state, where it can be found.
    opt_state: Snapshot | None = None
    #: Statistics of layers, such as running means.
    model_state: Snapshot | None = None
    #: Whatever else the training carries: averaged copies, counters, keys.
    rest: Snapshot | None = None


def take_moment(params: Any, opt_state: Any, model_state: Any, everything: Any) -> Moment:
    """Return the moment that these trees show; None stands for what there is not."""
    copies: Copies = {}

    def take(tree: Any) -> Snapshot | None:
        return None if tree is None else snapshot_of(tree, copies)

    try:
        rest = take(everything)
    except Exception:  # a state of the user's own making: two leaves of one path, no flattening
        rest = None
    return Moment(snapshot_of(params, copies), take(opt_state), take(model_state), rest)
