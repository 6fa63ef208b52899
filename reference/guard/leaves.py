"""The leaves that a guard watches: whatever holds numbers, on any device, concrete or traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

from ..pytrees.paths import Entry, Path, flatten, path_text
from ..pytrees.snapshot import PYTHON_NUMBERS, Snapshot, as_in_jax, holds_numbers, require_buffers


@final
@dataclass(frozen=True)
class Form:
    """Shape and dtype of a leaf."""

    shape: tuple[int, ...]
    #: As text, since the dtypes of typed PRNG keys are unknown to NumPy.
    dtype: str

    def change_since(self, start: Form) -> str | None:
        """Return in words how this differs from the form at the start, or None if it does not."""
        if self.shape != start.shape:
            return f"shape {start.shape} → {self.shape}"
        if self.dtype != start.dtype:
            return f"dtype {start.dtype} → {self.dtype}"
        return None


@final
@dataclass(frozen=True)
class Leaf:
    """One leaf as it is now, not copied."""

    #: A JAX array or tracer, typed PRNG keys included, or a NumPy array.
    value: Any
    #: Whether an optimizer could train it: floating numbers, and of NNX variables the parameters.
    trainable: bool
    #: The name of the NNX variable's type, such as "Param"; None outside NNX variables.
    kind: str | None

    @property
    def traced(self) -> bool:
        """Whether it has no values yet, since a function is being compiled."""
        return isinstance(self.value, jax.core.Tracer)

    @property
    def form(self) -> Form:
        """Its shape and dtype."""
        return Form(tuple(self.value.shape), str(self.value.dtype))


def leaves_of(tree: Any) -> dict[Path, Leaf]:
    """Return what holds numbers in a pytree, ``nnx.State`` or ``nnx.Module``, by path.

    Raises:
        ValueError: for a snapshot, donated buffers, shapes without values, two leaves of one path.
    """
    if isinstance(tree, Snapshot):
        raise ValueError("a guard watches a model, and not a snapshot of one: give it the model")
    entries = flatten(tree)[0]
    require_buffers(entries)
    values = ((entry, _value(entry.path, entry.leaf)) for entry in entries)
    return {
        entry.path: Leaf(value, _trainable(entry, value), _kind(entry))
        for entry, value in values
        if value is not None
    }


def _value(path: Path, value: Any) -> Any:
    if isinstance(value, jax.ShapeDtypeStruct):
        raise ValueError(f"{path_text(path)}: this is a shape without values; initialise it first")
    if isinstance(value, jax.Ref):
        value = value[...]
    elif isinstance(value, PYTHON_NUMBERS) and not isinstance(value, np.generic):
        value = _as_a_step_returns(value)
    elif not isinstance(value, jax.Array):
        if not hasattr(value, "__array__"):
            return None
        value = as_in_jax(path, np.asarray(value))
    if isinstance(value.dtype, np.dtype):
        return value if holds_numbers(value.dtype) else None
    return value if jnp.issubdtype(value.dtype, jax.dtypes.prng_key) else None


def _as_a_step_returns(number: Any) -> Any:
    """Return a Python number as JAX does; an integer that 32 bits cannot hold, in 64."""
    try:
        return jnp.asarray(number)
    except OverflowError:
        return np.asarray(number)  # beyond those, it is an object, and no leaf


def _kind(entry: Entry) -> str | None:
    return None if entry.variable is None else entry.variable.var_type.__name__


def _trainable(entry: Entry, value: Any) -> bool:
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return False
    if entry.variable is None:
        return True
    from flax import nnx  # imported already, since there is a variable of it

    return issubclass(entry.variable.var_type, nnx.Param)
