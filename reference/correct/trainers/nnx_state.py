"""The optimizer of an NNX reference trainer, which knows the frozen leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from flax import nnx

from ...problems.architecture import Architecture
from ...problems.batches import Batch
from ...pytrees.paths import Path
from ..networks import nnx_network as network
from ..networks.nnx_network import Model

Filter = Callable[[Any, Any], bool]


class Optimizer(nnx.Optimizer[Model]):
    """An `nnx.Optimizer` that says which leaves are frozen and from what it was made."""

    def __init__(
        self,
        model: Model,
        transformation: Any,
        *,
        wrt: Any,
        frozen: frozenset[Path],
        plain: Any,
        compiled: bool,
    ) -> None:
        super().__init__(model, transformation, wrt=wrt)
        self.frozen = frozen
        #: The optimizer that was handed in; `tx` may be one that freezes, around it.
        self.plain = plain
        self.compiled = compiled


def loss_and_gradients(
    model: Model, optimizer: Optimizer, batch: Batch, stopped: frozenset[Path] = frozenset()
) -> tuple[Any, nnx.State[Any, Any]]:
    """Return the loss on a batch and its gradients, and update the statistics of layers.

    The gradients are those of all parameters, zero for leaves in `stopped`.
    """
    differentiate = network.compiled_differentiate if optimizer.compiled else network.differentiate
    return differentiate(model, _flags(model.architecture, stopped), *batch)


def loss_and_trainable_gradients(
    model: Model, optimizer: Optimizer, batch: Batch
) -> tuple[Any, nnx.State[Any, Any]]:
    """Return the loss on a batch and its gradients with respect to what the optimizer trains."""
    if optimizer.compiled:
        # The gradient of a part is a part of the gradient: taken of all, one compiled function
        # serves whatever is frozen.
        loss, gradients = loss_and_gradients(model, optimizer, batch)
        return loss, nnx.filter_state(gradients, optimizer.wrt)
    trainable = nnx.DiffState(0, optimizer.wrt)
    differentiate = nnx.value_and_grad(network.mean_squared_error, argnums=trainable)
    return differentiate(model, _flags(model.architecture, frozenset()), *batch)


def predict(model: Model, x: Any) -> Any:
    """Return the prediction (N, outputs) whose loss the next step would report."""
    graph, state = nnx.split(model)  # so that statistics and the number of the step stay
    return network.compiled_forward(graph, state, x)


def inside(frozen: frozenset[Path]) -> Filter:
    """Return the NNX filter that lets frozen leaves through."""
    return lambda path, variable: tuple(map(str, path)) in frozen


@functools.cache
def _flags(architecture: Architecture, chosen: frozenset[Path]) -> dict[Path, np.bool_]:
    """Return a bool for every leaf, True for the chosen ones."""
    return {leaf: np.bool_(leaf in chosen) for leaf in architecture.leaves}
