"""The state of a Linen reference trainer: parameters, optimizer, statistics and the frozen set."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct
from flax.training.train_state import TrainState
from flax.traverse_util import unflatten_dict

from ...problems.architecture import Architecture
from ...problems.batches import Batch
from ...pytrees.paths import Path
from ..networks import linen_network as network
from ..networks.drawn_weights import drawn_weights


class State(TrainState):
    """A train state that knows its architecture and its frozen leaves."""

    #: Running means and variances of the norm layers; None without norm layers.
    batch_stats: Any
    #: uint32 (): with the number of the step, all that dropout depends on.
    seed: Any
    architecture: Architecture = struct.field(pytree_node=False)
    frozen: frozenset[Path] = struct.field(pytree_node=False)
    #: The optimizer that was handed in; `tx` may be one that freezes, around it.
    plain: Any = struct.field(pytree_node=False)
    compiled: bool = struct.field(pytree_node=False)


def begin(
    architecture: Architecture, seed: int, batch: Batch, optimizer: Any, compiled: bool
) -> State:
    """Return the state of a training in which nothing is frozen and no step was made."""
    weights = drawn_weights(architecture, batch.x.shape[1], seed)
    params = {path: weights.pop(path) for path in architecture.leaves}
    return State(
        step=jnp.uint32(0),
        apply_fn=network.Network(architecture).apply,
        params=unflatten_dict(params),
        tx=optimizer,
        opt_state=(),
        batch_stats=unflatten_dict(weights) or None,
        seed=jnp.uint32(seed),
        architecture=architecture,
        frozen=frozenset(),
        plain=optimizer,
        compiled=compiled,
    )


def loss_and_gradients(
    state: State, batch: Batch, stopped: frozenset[Path] = frozenset()
) -> tuple[State, Any, Any]:
    """Return the state with statistics after a forward pass, the loss, and its gradients.

    The gradients are those of all parameters, zero for leaves in `stopped`. Layers in the frozen
    part run in inference mode.
    """
    differentiate = network.compiled_differentiate if state.compiled else network.differentiate
    loss, gradients, statistics = differentiate(
        state.architecture,
        state.architecture.standing_still(state.frozen),
        state.params,
        _flags(state.architecture, stopped),
        state.batch_stats,
        (state.seed, state.step),
        *batch,
    )
    return state.replace(batch_stats=statistics), loss, gradients


def predict(state: State, x: Any) -> Any:
    """Return the prediction (N, outputs) whose loss the next step would report."""
    forward = network.compiled_forward if state.compiled else network.forward
    prediction, _ = forward(
        state.architecture,
        state.architecture.standing_still(state.frozen),
        state.params,
        state.batch_stats,
        (state.seed, state.step),
        x,
    )
    return prediction


@functools.cache
def _flags(architecture: Architecture, chosen: frozenset[Path]) -> Any:
    """Return bools like the parameters, True for the chosen leaves."""
    return unflatten_dict({leaf: np.bool_(leaf in chosen) for leaf in architecture.leaves})
