"""The nouns that everything is about: a subject, and the trainer that a subject stands for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..problems.problem import Problem
from .capability import Capability

if TYPE_CHECKING:
    from .trainer import Trainer


class Subject(Protocol):
    """Code under test: an exercise, an Optax wrapper, a trainer, or one of our references."""

    @property
    def kind(self) -> str:
        """The word that `--as` takes for it: "linen", "nnx", "optax" or "trainer"."""

    @property
    def promise(self) -> Collection[str]:
        """The guarantees that the subject claims."""

    @property
    def declared(self) -> frozenset[Capability]:
        """The capabilities that its kind and its keywords give it, before a trial run."""

    def read_problem(self, record: Mapping[str, Any]) -> Problem:
        """Return the problem of a record; raises `ValueError`, `TypeError` or `KeyError`."""


@runtime_checkable
class TrainerSource(Protocol):
    """A subject that trains: it is a trainer, or it makes one for each problem."""

    def trainer_for(self, problem: Any) -> Trainer:
        """Return the trainer that is run on a problem."""
