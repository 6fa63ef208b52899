"""An optimizer whose hyperparameters are part of its state: one compiled step serves all values.

A number in a closure is a constant of the program that it is traced into: of nine optimizers at
three rates, plain and clipped, each of three shapes is compiled a hundred times more than it has
forms. Where the number is an array in the state, it is compiled once for each form.

Such an optimizer equals all others of its form, so that JAX takes them for one. What a program
makes of it has to be looked at: one that initialises it within a compiled function gets the
numbers of the first that it saw (see `carries`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..pytrees.paths import Path, normalise
from .catalogue import COMMON
from .optimizer import Optimizer

#: What is made of an optimizer before it is handed over, such as one that records.
Wrap = Callable[[Any], Any]

#: Those whose numbers may all be arrays: none decides by a number what it computes.
_FORMS = frozenset((*COMMON, "clip_by_global_norm"))
_NAME = "frostproof_hyperparameters"


class LiftedState(NamedTuple):
    """The numbers by name, float32 () and weakly typed, and the state of what they make."""

    frostproof_hyperparameters: Mapping[str, Any]
    inner: Any


class _Form:
    """All optimizers that differ in numbers alone; equal to another of the same rows and wrap."""

    def __init__(self, optimizer: Optimizer, wrap: Wrap, wrapped_by: Any):
        self._key = optimizer.name, optimizer.inner and optimizer.inner.name, wrapped_by
        self._source = _source(optimizer)
        self._wrap = wrap

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Form) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def at(self, values: Mapping[str, Any]) -> Any:
        """Return the optimizer at these values."""
        return self._wrap(eval(self._source, {"optax": optax, "jax": jax, **values}))


class _Init:
    """Starts an optimizer at its values, by which it is not told apart from others."""

    def __init__(self, form: _Form, values: Mapping[str, float]):
        self._form = form
        self._values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Init) and self._form == other._form

    def __hash__(self) -> int:
        return hash(self._form)

    def __call__(self, params: Any) -> LiftedState:
        # Made of Python's floats they are as weak as those: beside bfloat16 they make no float32.
        values = {name: jnp.asarray(value) for name, value in self._values.items()}
        return LiftedState(values, self._form.at(values).init(params))


class _Update:
    """Updates at the values that the state holds."""

    def __init__(self, form: _Form):
        self._form = form

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Update) and self._form == other._form

    def __hash__(self) -> int:
        return hash(self._form)

    def __call__(
        self, gradients: Any, state: LiftedState, params: Any = None, **extra: Any
    ) -> tuple[Any, LiftedState]:
        optimizer = self._form.at(state.frostproof_hyperparameters)
        updates, inner = optimizer.update(gradients, state.inner, params, **extra)
        return updates, state._replace(inner=inner)


def lifted(
    optimizer: Any, wrap: Wrap, wrapped_by: Any = None
) -> optax.GradientTransformationExtraArgs | None:
    """Return an optimizer with its hyperparameters in its state, wrapped; equal to all of its form.

    Args:
        optimizer: a row of the catalogue; others are not known well enough.
        wrap: what is made of the transformation, and has to know extra arguments of `update`.
        wrapped_by: what tells this `wrap` apart from others.

    Returns:
        The transformation, or None where a number decides about more than a value.
    """
    rows = [optimizer, optimizer.inner] if optimizer.inner else [optimizer]
    if not all(isinstance(row, Optimizer) and row.name in _FORMS for row in rows):
        return None
    form = _Form(optimizer, wrap, wrapped_by)
    return optax.GradientTransformationExtraArgs(_Init(form, _values(optimizer)), _Update(form))


def carries(state: Mapping[Path, Any], optimizer: Optimizer) -> bool:
    """Tell whether a state's leaves hold this optimizer's values, and no others."""
    found = {path[-1]: leaf for path, leaf in state.items() if _NAME in path}
    wanted = _values(optimizer)
    return found.keys() == wanted.keys() and all(
        np.array_equal(found[name], np.float32(value)) for name, value in wanted.items()
    )


def with_numbers(state: Any, optimizer: Optimizer) -> Any:
    """Return a state with this optimizer's values in the place of others of its form."""
    values = _values(optimizer)

    def put(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        return jnp.asarray(values[path[-1]]) if _NAME in path else leaf

    return jax.tree_util.tree_map_with_path(put, state)


def _values(optimizer: Optimizer) -> dict[str, float]:
    inner = _values(optimizer.inner) if optimizer.inner else {}
    return {name: float(value) for name, value in optimizer.hyperparameters} | inner


def _source(optimizer: Optimizer) -> str:
    """Return the source of an optimizer with names in the place of its numbers."""
    arguments = ", ".join(f"{name}={name}" for name, _ in optimizer.hyperparameters)
    inner = _source(optimizer.inner) if optimizer.inner else None
    return optimizer.entry.template.format(arguments, inner=inner)
