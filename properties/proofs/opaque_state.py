"""The state of an optimizer that stands in for others while a program is traced.

A program that hands the state on, as Flax and Optax do, does the same with that of any optimizer.
One that asks what it is gets another answer than the state of a real one would give: a trace of it
shows nothing, and that it asked is noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import jax

from ...reference.optimizers.state_looks import notice


class _Asked(type):
    """The type of a type whose name is not read unnoticed."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        notice()
        return "OpaqueState"


@final
@jax.tree_util.register_pytree_with_keys_class
class OpaqueState(metaclass=_Asked):
    """A node of a pytree whose parts are taken out by its optimizer alone."""

    def __init__(self, **parts: Any):
        """Hold parts by names that no program has."""
        vars(self).update(parts)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The type, of which `isinstance` asks."""
        notice()
        return OpaqueState

    def __getattr__(self, name: str) -> Any:
        """Refuse an attribute that the state of some optimizer may have."""
        if not name.startswith("__"):
            notice()
        raise AttributeError(name)

    def __repr__(self) -> str:
        """Return what tells nothing."""
        notice()
        return "OpaqueState()"

    def tree_flatten_with_keys(self) -> tuple[Any, tuple[str, ...]]:
        """Return the parts, for JAX."""
        parts = [(jax.tree_util.GetAttrKey(name), part) for name, part in vars(self).items()]
        return parts, tuple(vars(self))

    @classmethod
    def tree_unflatten(cls, names: tuple[str, ...], parts: Sequence[Any]) -> OpaqueState:
        """Return a state of these parts, for JAX."""
        return cls(**dict(zip(names, parts, strict=True)))
