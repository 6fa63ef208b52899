"""An optimizer that remembers, in its own state, what it was given last and what it answered.

The state is the one place that every program keeps: it survives jit, scan, donation and whatever
wrapper the program puts around the optimizer, and is found again by the names of its fields.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .paths import Path
from .snapshot import Snapshot


class FrostproofState(NamedTuple):
    """The state of a recording optimizer: that of the optimizer inside, and the last update.

    The names are long so that no other state has them: a snapshot is searched for them.
    """

    frostproof_inner: Any
    #: As they came; zeros before the first update.
    frostproof_gradients: Any
    #: As they were handed over; zeros where `update` is called without them.
    frostproof_params: Any
    frostproof_updates: Any
    #: How many updates there were: int32.
    frostproof_count: Any


@functools.cache  # a trainer compiles again for every optimizer object that is new to it
def recording(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that does the same and records; the same object for the same one."""
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> FrostproofState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        count = jnp.zeros((), jnp.int32)
        return FrostproofState(optimizer.init(params), zeros, zeros, zeros, count)

    def update(
        gradients: Any, state: FrostproofState, params: Any = None, **extra: Any
    ) -> tuple[Any, FrostproofState]:
        updates, inner = optimizer.update(gradients, state.frostproof_inner, params, **extra)
        seen = state.frostproof_params if params is None else params
        # A structure of its own would end a scan, and a module in a state the tree itself: what
        # was handed over takes the form that the state has.
        zeros, form = jax.tree.flatten(state.frostproof_gradients)
        kept = [
            jax.tree.unflatten(form, leaves if len(leaves) == len(zeros) else zeros)
            for leaves in map(jax.tree.leaves, (gradients, seen, updates))
        ]
        count = state.frostproof_count + 1
        return updates, FrostproofState(inner, kept[0], kept[1], kept[2], count)

    return optax.GradientTransformationExtraArgs(init, update)


@dataclass(frozen=True)
class Recorded:
    """One update as the optimizer saw it, by path: its gradients, the parameters, its answer."""

    gradients: Mapping[Path, np.ndarray]
    params: Mapping[Path, np.ndarray]
    updates: Mapping[Path, np.ndarray]
    #: The state of the optimizer inside, by path.
    inner: Mapping[Path, np.ndarray]
    count: int


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
