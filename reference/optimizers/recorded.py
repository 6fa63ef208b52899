"""What a recording optimizer saw, read from a snapshot of the state that it kept it in."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
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
    #: The leaves that are updated together: those of one optimizer.
    groups: tuple[frozenset[Path], ...] = ()


def without_recorder(path: Path) -> Path:
    """Return a path in a state as it is without the recorder, which keeps more than the program."""
    names = [name for name in path if name != "frostproof_inner"]
    own = (number for number, name in enumerate(names) if name.startswith("frostproof_"))
    return tuple(names[: next(own, len(names))])


def recordings(state: Snapshot) -> list[Recorded]:
    """Return what each recording optimizer last saw, from a snapshot of any state that holds them.

    There are several where a program makes a state for each group of its leaves. One that
    `jax.vmap` or `jax.pmap` calls is left out: its state holds that of several in each array.
    """
    counts = (path for path in state if "frostproof_count" in path)
    return [_recording(state, path) for path in counts if state[path].array.ndim == 0]


def _recording(state: Snapshot, count: Path) -> Recorded:
    place = count.index("frostproof_count")
    parts: dict[str, dict[Path, np.ndarray]] = {}
    for path, leaf in state.items():
        if path[:place] == count[:place]:
            parts.setdefault(path[place], {})[path[place + 1 :]] = leaf.array
    gradients = parts.get("frostproof_gradients", {})
    return Recorded(
        gradients=gradients,
        params=parts.get("frostproof_params", {}),
        updates=parts.get("frostproof_updates", {}),
        inner=parts.get("frostproof_inner", {}),
        count=int(state[count].array),
        groups=(frozenset(gradients),),
    )


def merged(recordings: Sequence[Recorded]) -> Recorded | None:
    """Return what several optimizers saw as if it were one; None for none, or where two of them
    saw the same leaf: a program hands its optimizer on twice.
    """
    if len(recordings) < 2:
        return recordings[0] if recordings else None
    groups = tuple(group for each in recordings for group in each.groups)
    if sum(map(len, groups)) > len(frozenset().union(*groups)):
        return None
    inner = {
        (str(number), *path): leaf
        for number, each in enumerate(recordings)
        for path, leaf in each.inner.items()
    }
    return Recorded(
        gradients=dict(ChainMap(*(dict(each.gradients) for each in recordings))),
        params=dict(ChainMap(*(dict(each.params) for each in recordings))),
        updates=dict(ChainMap(*(dict(each.updates) for each in recordings))),
        inner=inner,
        count=sum(each.count for each in recordings),
        groups=groups,
    )


def recorded(state: Snapshot) -> Recorded | None:
    """Return what recording optimizers last saw, from a snapshot of any state that holds them.

    None where there is none, or where two of them saw the same leaf.
    """
    return merged(recordings(state))
