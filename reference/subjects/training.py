"""The protocol of a training that is under way, which every trainer implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import jax

from ..problems.training_problem import Batch
from .moment import Moment


class Training(Protocol):
    """One training that is under way: a trainer has begun it, and it holds the state."""

    #: The trainer that began it.
    trainer: Any

    @abstractmethod
    def params(self) -> Any:
        """Return the parameters, a pytree."""

    @abstractmethod
    def set_params(self, params: Any) -> None:
        """Put other parameters of the same structure in their place."""

    @abstractmethod
    def step(self, batch: Batch) -> Any:
        """Train on a batch, and return the loss that the program reports."""

    @abstractmethod
    def opt_state(self) -> Any:
        """Return the optimizer's state, or None where it cannot be found."""

    @abstractmethod
    def model_state(self) -> Any:
        """Return the statistics of layers, or None where the model has none."""

    @abstractmethod
    def everything(self) -> Any:
        """Return everything that the training carries from step to step, as a pytree."""

    @abstractmethod
    def set_everything(self, state: Any) -> None:
        """Put another state of the same structure in its place."""

    @abstractmethod
    def replace_static(self, known: Callable[[Any], Any]) -> None:
        """Put what `known` makes of them in the place of static parts: functions, structures."""

    @abstractmethod
    def moment(self) -> Moment:
        """Return snapshots of the training as it is now."""

    @abstractmethod
    def save(self) -> Any:
        """Return a copy of everything to go back to, static parts included."""

    @abstractmethod
    def restore(self, saved: Any) -> None:
        """Go back to a saved copy."""

    @abstractmethod
    def carries_all(self) -> bool:
        """Tell whether `everything` is all, and no object of the user's holds further state."""

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """Return the model's prediction."""

    @abstractmethod
    def traceable(self) -> Callable[[Any], Any]:
        """Return `predict` as a function that JAX can trace without changing the training."""

    @abstractmethod
    def refreeze(self, frozen: tuple[str, ...]) -> None:
        """Freeze these leaves from now on, and no others."""


def copy_arrays(state: Any) -> Any:
    """Copy a state's arrays, keys among them, so that no later step donates or changes them.

    A reference, in which an NNX variable made with `ref=True` keeps its value, gives that value.
    """

    def copy(leaf: Any) -> Any:
        value = leaf[...] if isinstance(leaf, jax.Ref) else leaf
        return value.copy() if hasattr(value, "copy") else value

    return jax.tree.map(copy, state)
