"""Takes a trainer's prediction before a step, and how far another correct one may lie from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from ..numerics.rounding import UNIT
from ..pytrees.dtypes import is_float
from ..pytrees.snapshot import Snapshot
from ..subjects.training import Training
from ..subjects.user_errors import let_through

#: Inputs are changed by 64 ulps: more than the rounding of some layers. The change of the
#: prediction tells how ill-conditioned the model is here.
_NUDGE = 64 * 2 * UNIT


#: Of each trainer and shape of its inputs, whether it computes in half precision.
_HALF: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Prediction:
    """The answer of `predict`, an array or a pytree of arrays, and its sensitivity.

    The sensitivity of an element is the most by which it moved when its inputs were nudged.
    """

    value: Any
    sensitivity: Any


def predict_before_step(
    training: Training, predict: Callable[[Any], Any], x: Any
) -> Prediction | None:
    """Predict on inputs as they are, and nudged; None where `predict` answers None.

    `predict` is that of the training, or one that answers alike; `x` is an array or a pytree of
    arrays. Integers, such as tokens, cannot be nudged: where some
    inputs are integers, the parameters are nudged, too.
    """
    value = predict(jax.tree.map(np.copy, x))
    if value is None:
        return None
    leaves, form = jax.tree.flatten(jax.tree.map(np.array, value))
    generator = np.random.default_rng(0)
    moved = [_moved(training, predict, x, leaves, generator) for _ in range(2)]
    sensitivities = [_most(leaf, [each[i] for each in moved]) for i, leaf in enumerate(leaves)]
    return Prediction(*(jax.tree.unflatten(form, each) for each in (leaves, sensitivities)))


def _moved(
    training: Training,
    predict: Callable[[Any], Any],
    x: Any,
    leaves: list[np.ndarray],
    generator: np.random.Generator,
) -> list[np.ndarray]:
    """Return by how much each element of a prediction moves when all inputs are nudged once."""
    params = None
    if any(leaf.dtype.kind != "f" for leaf in jax.tree.leaves(x)):
        params = jax.tree.map(lambda leaf: leaf, training.params())  # a module's would change
        try:
            training.set_params(jax.tree.map(lambda leaf: _nudged(leaf, generator), params))
        except BaseException as error:  # they cannot be put in place: nothing is known
            let_through(error)
            return [np.full(leaf.shape, np.inf) for leaf in leaves]
    try:
        other = predict(jax.tree.map(lambda leaf: _nudged(leaf, generator), x))
    finally:
        if params is not None:
            training.set_params(params)
    with np.errstate(invalid="ignore", over="ignore"):
        return [
            np.abs(np.asarray(after, np.float64) - leaf)
            for after, leaf in zip(jax.tree.leaves(other), leaves, strict=True)
        ]


def _most(value: np.ndarray, moved: list[np.ndarray]) -> np.ndarray:
    """Return how far another correct prediction may lie from this one, element by element."""
    if value.dtype.itemsize < 4:
        return np.full(value.shape, np.inf)
    # The largest anywhere in a row's prediction: a single element may stay by chance.
    most = np.max(moved, axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        most = np.maximum(most, most.max(axis=tuple(range(1, most.ndim)), keepdims=True))
        least = 64 * UNIT * np.abs(value.astype(np.float64)).max(initial=0.0)
        return np.asarray(2 * most + least)


def _nudged(leaf: Any, generator: np.random.Generator) -> Any:
    """Return a leaf of inputs or parameters with all floats nudged; integers and keys stay."""
    if not hasattr(leaf, "dtype") or leaf.dtype not in (np.float32, np.float64):
        return np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf
    by = 1 + _NUDGE * generator.choice((-1.0, 1.0), leaf.shape)
    return (leaf * by).astype(leaf.dtype)


def is_noisy(carried: Snapshot | None) -> bool:
    """Tell whether training carries random keys, as for Dropout, which `predict` cannot repeat."""
    return carried is not None and any(
        (leaf.kind or "").startswith("Rng")
        or (leaf.array.dtype == np.uint32 and leaf.array.shape[-1:] == (2,))
        for leaf in carried.values()
    )


def is_half_precision(trainer: Any, predict: Any, x: Any, params: Snapshot) -> bool:
    """Tell whether a trainer predicts in bfloat16 or float16, as far as a trace shows.

    A trace takes milliseconds, and shows the same in every run on inputs of one shape.
    """
    if any(
        leaf.array.dtype.itemsize < 4 and is_float(leaf.array.dtype) for leaf in params.values()
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
