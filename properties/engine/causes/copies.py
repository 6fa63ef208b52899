"""Why a copy does not follow its leaf: an optimizer moves it, or it goes what it is to leave."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....reference.observation.trajectory import Step, Trajectory
from ....reference.pytrees.following import Copy
from .reason import Reason

#: By so much of its way a copy may be off, by rounding.
_ROUNDED = 1e-3


def reason_of_copy(trajectory: Trajectory, facts: dict[str, Any]) -> Reason | None:
    """Say so where the optimizer moves a copy, or where one goes the rest of the way that it is
    declared to go.
    """
    step = trajectory.steps[facts["step"] - 1]
    copy = next(each for each in trajectory.copies if each.names[0] == facts["leaf"])
    if _is_trained(step, copy):
        return Reason(
            "trained copy",
            "the optimizer gets the copy, too, and moves it: leave it out as what is frozen is",
        )
    rate = copy.rate_at(step.number)
    if not 0 < rate < 1 or abs(1 - 2 * rate) < _ROUNDED or not _goes(step, copy, 1 - rate):
        return None
    return Reason(
        "swapped rate",
        f"it goes {1 - rate:.6g} of the way, and has to leave as much: the two trees are swapped, "
        "or a decay is taken for a rate, by the program or in `copies=`",
    )


def _is_trained(step: Step, copy: Copy) -> bool:
    """Tell whether the optimizer has an update for a copy, as a part of the parameters may."""
    name = copy.path[copy.hidden :]
    updates = step.given.updates if step.given else {}
    paths = [name] + [name[1:]] * (name[0] == "params")
    return any(np.any(updates.get(path, 0) != 0) for path in paths)


def _goes(step: Step, copy: Copy, part: float) -> bool:
    """Tell whether a copy goes this part of the way to its leaf, as that is after or before."""
    before, after = step.before.rest, step.after.rest
    if before is None or after is None:
        return False
    start, end, *ahead = (
        moment[path].array.astype(np.float64)
        for path in (copy.path, copy.followed)
        for moment in (before, after)
    )
    return any(_is_part(end - start, leaf - start, part) for leaf in ahead)


def _is_part(gone: np.ndarray, way: np.ndarray, part: float) -> bool:
    length = np.abs(way).max(initial=0)
    return bool(length > 0 and np.abs(gone - part * way).max() <= _ROUNDED * length)
