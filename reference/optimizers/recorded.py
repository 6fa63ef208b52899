"""What a recording optimizer saw, read from a snapshot of the state that it kept it in."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..pytrees.comparison import same_bits
from ..pytrees.paths import Path
from ..pytrees.snapshot import Leaf, Snapshot


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
    #: The parameters that it knows as a part of an array alone.
    parts: frozenset[Path] = frozenset()
    #: Where the recorder's own state is in the state that holds it.
    place: Path = ()


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
        place=count[:place],
    )


def in_full(recorded: Recorded, params: Mapping[Path, Leaf]) -> Recorded:
    """Return a recording by the whole names of the parameters.

    An optimizer that is made for a part of them, such as `nnx.Optimizer(model.head, …)`, names them
    from there. The part is the only one whose parameters have these endings and these bits; where
    there is none, or several, the recording is returned as it is. A part may be a leaf, whose name
    there is empty.
    """
    if not recorded.params or _fits(recorded, params, ()):
        return recorded
    ending = next(iter(recorded.params))
    starts = ((path, len(path) - len(ending)) for path in params)
    parts = {path[:start] for path, start in starts if start > 0 and path[start:] == ending}
    fitting = [part for part in parts if _fits(recorded, params, part)]
    return _below(recorded, fitting[0]) if len(fitting) == 1 else recorded


def _fits(recorded: Recorded, params: Mapping[Path, Leaf], part: Path) -> bool:
    return all(
        (leaf := params.get(part + path)) is not None and same_bits(leaf.array, array)
        for path, array in recorded.params.items()
    )


def _below(recorded: Recorded, part: Path) -> Recorded:
    """Return a recording in which all leaves are named from further up."""
    return renamed(recorded, {path: part + path for path in recorded.gradients})


def renamed(recorded: Recorded, names: Mapping[Path, Path]) -> Recorded:
    """Return a recording in which leaves have other names; those of no other keep theirs."""
    gradients, params, updates = (
        {names.get(path, path): array for path, array in arrays.items()}
        for arrays in (recorded.gradients, recorded.params, recorded.updates)
    )
    groups = (frozenset(names.get(path, path) for path in group) for group in recorded.groups)
    return replace(
        recorded, gradients=gradients, params=params, updates=updates, groups=tuple(groups)
    )


def without(recorded: Recorded, names: Collection[Path]) -> Recorded:
    """Return a recording without some of its leaves."""
    gradients, params, updates = (
        {path: array for path, array in arrays.items() if path not in names}
        for arrays in (recorded.gradients, recorded.params, recorded.updates)
    )
    groups = tuple(group - frozenset(names) for group in recorded.groups)
    return replace(recorded, gradients=gradients, params=params, updates=updates, groups=groups)


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
        parts=frozenset().union(*(each.parts for each in recordings)),
    )


def recorded(state: Snapshot) -> Recorded | None:
    """Return what recording optimizers last saw, from a snapshot of any state that holds them.

    None where there is none, or where two of them saw the same leaf.
    """
    return merged(recordings(state))
