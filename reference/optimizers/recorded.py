"""What a recording optimizer saw, read from a snapshot of the state that it kept it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..pytrees.paths import Path
from ..pytrees.snapshot import Snapshot


@dataclass(frozen=True)
class Recorded:
    """One update as the optimizer saw it, by path: its gradients, the parameters, its answer."""

    gradients: Mapping[Path, np.ndarray]
    params: Mapping[Path, np.ndarray]
    updates: Mapping[Path, np.ndarray]
    #: The state of the optimizer inside, by path.
    inner: Mapping[Path, np.ndarray]
    count: int


def without_recorder(path: Path) -> Path:
    """Return a path in a state as it is without the recorder, which keeps more than the program."""
    names = [name for name in path if name != "frostproof_inner"]
    own = (number for number, name in enumerate(names) if name.startswith("frostproof_"))
    return tuple(names[: next(own, len(names))])


def recorded(state: Snapshot) -> Recorded | None:
    """Return what a recording optimizer last saw, from a snapshot of any state that holds one's.

    None where there is none, or more than one: a program that ignores the optimizer it is handed,
    or hands it on twice.
    """
    counts = [path for path in state if "frostproof_count" in path]
    if len(counts) != 1:
        return None
    place = counts[0].index("frostproof_count")
    parts: dict[str, dict[Path, np.ndarray]] = {}
    for path, leaf in state.items():
        if path[:place] == counts[0][:place]:
            parts.setdefault(path[place], {})[path[place + 1 :]] = leaf.array
    return Recorded(
        gradients=parts.get("frostproof_gradients", {}),
        params=parts.get("frostproof_params", {}),
        updates=parts.get("frostproof_updates", {}),
        inner=parts.get("frostproof_inner", {}),
        count=int(state[counts[0]].array),
    )
