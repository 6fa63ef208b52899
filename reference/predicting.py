"""A trainer's prediction before a step, and how far another correct one may lie from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from .rounding import UNIT
from .snapshot import Snapshot

#: Inputs are changed by 64 ulps: more than what some layers round, and what they then make of it
#: tells how ill-conditioned the model is at this place.
_NUDGE = 64 * 2 * UNIT


#: Of each trainer and shape of its inputs, whether it computes in half precision.
_HALF: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Prediction:
    """What `predict` returned, float, and the most that its elements moved under nudged inputs."""

    value: np.ndarray
    sensitivity: np.ndarray


def predicted(predict: Any, x: Any) -> Prediction | None:
    """Predict on inputs as they are and nudged; None where `predict` answers None.

    `x` is an array or a pytree of arrays, of which those of integers stay as they are.
    """
    value = predict(jax.tree.map(np.copy, x))
    if value is None:
        return None
    value = np.array(value)
    if value.dtype.itemsize < 4:
        return Prediction(value, np.full(value.shape, np.inf))
    generator = np.random.default_rng(0)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = [
            np.abs(np.asarray(predict(_nudged(x, generator)), np.float64) - value) for _ in range(2)
        ]
        # The largest anywhere in a row's prediction: a single element may stay by chance.
        most = np.max(moved, axis=0)
        most = np.maximum(most, most.max(axis=tuple(range(1, most.ndim)), keepdims=True))
        least = 64 * UNIT * np.abs(value.astype(np.float64)).max(initial=0.0)
        return Prediction(value, 2 * most + least)


def _nudged(x: Any, generator: np.random.Generator) -> Any:
    def nudge(leaf: np.ndarray) -> np.ndarray:
        if leaf.dtype.kind != "f":
            return np.copy(leaf)
        by = 1 + _NUDGE * generator.choice((-1.0, 1.0), leaf.shape)
        return np.asarray(leaf * by, leaf.dtype)

    return jax.tree.map(nudge, x)


def noisy(carried: Snapshot | None) -> bool:
    """Tell whether training carries random keys, as for Dropout: its loss is then of no prediction
    that could be made again.
    """
    return carried is not None and any(
        (leaf.kind or "").startswith("Rng")
        or (leaf.array.dtype == np.uint32 and leaf.array.shape[-1:] == (2,))
        for leaf in carried.values()
    )


def half_precision(trainer: Any, predict: Any, x: Any, params: Snapshot) -> bool:
    """Tell whether a trainer predicts in bfloat16 or float16, as far as can be seen.

    Tracing takes milliseconds, and shows the same for every run on inputs of one shape.
    """
    if any(
        leaf.array.dtype.itemsize < 4 and leaf.array.dtype.kind in "fV" for leaf in params.values()
    ):
        return True
    known = _HALF.setdefault(trainer, {})
    shapes = str([(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(x)])
    if shapes not in known:
        try:
            known[shapes] = "f16[" in str(jax.make_jaxpr(predict)(x))
        except Exception:  # it cannot be traced, as a program in NumPy
            known[shapes] = False
    return known[shapes]
