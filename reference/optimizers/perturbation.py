"""Makes an optimizer that changes the gradients of frozen leaves before it uses them."""

from __future__ import annotations

import functools
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax

from ..pytrees.paths import Frozen, matches, normalise
from .disturbances import DISTURBANCES


class Freezing(Protocol):
    """An object that says which leaves it freezes, such as a trainer."""

    @property
    def frozen(self) -> Frozen:
        """Path prefixes, or a predicate on paths."""


@functools.cache  # a trainer compiles again for every optimizer object that is new to it
def perturbing(
    optimizer: optax.GradientTransformation, disturbance: str, subject: Freezing
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that disturbs the gradients of a subject's frozen leaves first."""
    optimizer = optax.with_extra_args_support(optimizer)

    def disturb(path: Any, leaf: Any) -> Any:
        frozen = matches(normalise(path), subject.frozen)
        return DISTURBANCES[disturbance](leaf, jnp) if frozen else leaf

    def update(gradients: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        changed = jax.tree_util.tree_map_with_path(disturb, gradients)
        return optimizer.update(changed, state, params, **extra)

    return optax.GradientTransformationExtraArgs(optimizer.init, update)
