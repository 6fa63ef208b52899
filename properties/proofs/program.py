"""A program that was traced: its step as a jaxpr, and what stands where in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from jax.extend.core import ClosedJaxpr

from ...reference.pytrees.paths import Path
from .interpretation.domain import Value


class NotTraced(Exception):
    """A program that has no jaxpr, with the reason."""


@final
@dataclass(frozen=True)
class Program:
    """One step of a training, from what it carries and what it is given to what it carries next.

    The inputs of `step` are the leaves of the state and those of the batch (or the gradients, for a
    wrapper). Its outputs are the leaves of the next state, the parameters before, those after, and
    the optimizer's state after.
    """

    step: ClosedJaxpr
    #: What is known of each leaf of the state before the first step.
    initial: Sequence[Value]
    #: The names of the state's leaves, as messages show them.
    state: Sequence[str]
    #: The names of what else the step is given.
    given: Sequence[str]
    #: Paths of the parameters, in the order of the outputs. Statistics that are frozen by name
    #: stand among them: what is proved of a frozen leaf is proved of them.
    params: Sequence[Path]
    #: Paths of the optimizer's state, likewise.
    opt_state: Sequence[Path]
    frozen: frozenset[Path]
    #: The parameters by which the program was seen to differentiate its loss; of a wrapper, which
    #: is given gradients, all.
    differentiated: frozenset[Path]
    #: The leaf of the state that is the learning rate, if one is.
    rate: int | None
    #: What was traced, such as "x float32[4, 3]".
    shapes: str

    @property
    def inputs(self) -> Sequence[str]:
        """The names of all inputs."""
        return [*self.state, *self.given]


def shape_text(name: str, leaf: Any) -> str:
    """Show an array as `x float32[4, 3]`."""
    return f"{name} {leaf.dtype.name}{list(leaf.shape)}"
