"""An optimizer that remembers, in its own state, what it was given last and what it answered.

The state is the one place that every program keeps: it survives jit, scan, donation and whatever
wrapper the program puts around the optimizer, and is found again by the names of its fields.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


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
    """Return an optimizer that does the same and records; the same object for the same one.

    `recording.__wrapped__` makes a new one, for which a trainer compiles once more.
    """
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
