"""An optimizer that gets other gradients of frozen leaves than its trainer computed.

What becomes of them must not matter. Gradients that are zero stay so: a trainer that zeroes them,
or never hands them over, is not disturbed at all.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax

from ..pytrees.paths import Frozen, matches, normalise


class Freezing(Protocol):
    """Whatever says which leaves it freezes, such as a trainer."""

    @property
    def frozen(self) -> Frozen:
        """Path prefixes, or a predicate on paths."""


_CHANGES = {
    "scaled": lambda leaf: leaf * 1000,
    "flipped": lambda leaf: -leaf,
    "huge": lambda leaf: leaf * (jnp.finfo(leaf.dtype).max / 16),
    "nan": lambda leaf: jnp.where(leaf == 0, leaf, jnp.nan),
}


@functools.cache  # a trainer compiles again for every optimizer object that is new to it
def perturbing(
    optimizer: optax.GradientTransformation, disturbance: str, subject: Freezing
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that disturbs the gradients of a subject's frozen leaves first."""
    optimizer = optax.with_extra_args_support(optimizer)

    def disturb(path: Any, leaf: Any) -> Any:
        return _CHANGES[disturbance](leaf) if matches(normalise(path), subject.frozen) else leaf

    def update(gradients: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        changed = jax.tree_util.tree_map_with_path(disturb, gradients)
        return optimizer.update(changed, state, params, **extra)

    return optax.GradientTransformationExtraArgs(optimizer.init, update)
