"""Reference trainers as subjects: one technique in one API, for any architecture and frozen set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, final

from ...problems.architecture import Architecture
from ...problems.architecture_pool import PLAIN
from ...problems.training_problem import TrainingProblem
from ...pytrees.paths import Path
from ...subjects.capability import POSSIBLE, Capability
from ...subjects.linen_trainer import LinenTrainer
from ...subjects.nnx_trainer import NnxTrainer
from .techniques import Technique

AnyTrainer = LinenTrainer | NnxTrainer
#: Makes the trainer of an architecture in which these leaves are frozen, compiled or not.
Build = Callable[[Architecture, frozenset[Path], bool], AnyTrainer]


@final
@dataclass(frozen=True)
class ReferenceTrainer:
    """A correct trainer, which freezes by one technique any leaves that a problem names."""

    technique: Technique
    api: str
    build: Build

    kind: ClassVar[str] = "trainer"
    loss: ClassVar[str] = "mse"
    batches: ClassVar[None] = None
    #: All but leaves that frozen ones have to begin with: its weights are drawn.
    declared: ClassVar[frozenset[Capability]] = POSSIBLE[kind] - {Capability.INITIAL}

    @property
    def name(self) -> str:
        """The API and the technique."""
        return f"{self.api} {self.technique.name}"

    @property
    def promise(self) -> tuple[str, ...]:
        """The guarantees that the technique keeps."""
        return self.technique.promise

    @property
    def optimizers(self) -> Any:
        """The optimizers under which it keeps them: "all", or a predicate on their facts."""
        return self.technique.optimizers

    def read_problem(self, record: Any) -> TrainingProblem:
        """Return the problem of a record."""
        return TrainingProblem.read(record)

    def trainer(
        self, architecture: Architecture, frozen: tuple[str, ...], eager: bool = False
    ) -> AnyTrainer:
        """Return the trainer that freezes these layers, or leaves: the same one for the same ask.

        Raises `UnmatchedPattern` for a pattern that names no leaf of the architecture.
        """
        return _trainer(self, architecture, frozen, eager)

    def trainer_for(self, problem: TrainingProblem) -> AnyTrainer:
        """Return the trainer of a problem's architecture and frozen leaves."""
        return self.trainer(*_asked(problem), problem.eager)


def _asked(problem: TrainingProblem) -> tuple[Architecture, tuple[str, ...]]:
    """Return the architecture of a problem and what is frozen in it, the plainest by default."""
    architecture = problem.architecture or PLAIN[0]
    return architecture, (architecture.first,) if problem.frozen is None else problem.frozen


@cache
def _trainer(
    reference: ReferenceTrainer, architecture: Architecture, frozen: tuple[str, ...], eager: bool
) -> AnyTrainer:
    return reference.build(architecture, architecture.select(frozen), not eager)
