"""Reference trainers as subjects: one technique in one API, for any architecture and frozen set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, final

from ...observation.trajectory import Trajectory
from ...problems.architecture import Architecture
from ...problems.architecture_pool import PLAIN
from ...problems.training_problem import TrainingProblem
from ...pytrees.paths import Path
from ...subjects.linen_trainer import LinenTrainer
from ...subjects.nnx_trainer import NnxTrainer
from .techniques import Technique

AnyTrainer = LinenTrainer | NnxTrainer
#: Makes the trainer of an architecture in which these leaves are frozen, compiled or not.
Build = Callable[[Architecture, frozenset[Path], bool], AnyTrainer]


@final
@dataclass(frozen=True)
class ReferenceTrainer:
    """A correct trainer, which freezes by one technique whatever a problem asks for."""

    technique: Technique
    api: str
    build: Build

    kind: ClassVar[str] = "trainer"
    loss: ClassVar[str] = "mse"
    batches: ClassVar[None] = None
    abilities: ClassVar[frozenset[str]] = frozenset(
        {
            "tree",
            "trainer",
            "optimizer",
            "rows",
            "predict",
            "loss",
            "mse",
            "with_params",
            "opt_state",
            "model_state",
            "refreeze",
            "reference",
        }
    )

    @property
    def name(self) -> str:
        """API and technique."""
        return f"{self.api} {self.technique.name}"

    @property
    def promise(self) -> tuple[str, ...]:
        """The guarantees that the technique keeps."""
        return self.technique.promise

    @property
    def optimizers(self) -> Any:
        """Under which optimizers it keeps them: "all", or a predicate on their facts."""
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

    def run(self, problem: TrainingProblem, *, watched: bool = False) -> Trajectory:
        """Train the problem's architecture by its actions and return what happened."""
        try:
            trainer = self._trainer_of(problem)
        except ValueError as error:
            return Trajectory(problem, raised=error)
        trajectory = trainer.run(problem, watched=watched)
        trajectory.origin = self
        return trajectory

    def matters(self, trajectory: Trajectory, path: Path) -> bool:
        """Tell whether a leaf that did not move should have; see `Trainer`."""
        return self._trainer_of(trajectory.problem).matters(trajectory, path)

    def _trainer_of(self, problem: TrainingProblem) -> AnyTrainer:
        return self.trainer(*_asked(problem), problem.eager)


def _asked(problem: TrainingProblem) -> tuple[Architecture, tuple[str, ...]]:
    """Return the architecture of a problem and what is frozen in it, the plainest by default."""
    architecture = problem.architecture or PLAIN[0]
    return architecture, (architecture.first,) if problem.frozen is None else problem.frozen


def subset_of(reference: ReferenceTrainer) -> ReferenceTrainer:
    """Return the trainer of the same API whose optimizer is given the trainable leaves alone."""
    return next(each for each in _all(reference.api) if each.technique.name == "trainable subset")


def counterpart_of(reference: ReferenceTrainer) -> ReferenceTrainer:
    """Return the trainer by the same technique in the other API."""
    others = _all("nnx" if reference.api == "linen" else "linen")
    return next(each for each in others if each.technique is reference.technique)


def _all(api: str) -> tuple[ReferenceTrainer, ...]:
    from . import (
        linen_techniques as linen_trainers,
    )  # here: they import this module
    from . import (
        nnx_techniques as nnx_trainers,
    )

    return linen_trainers.TRAINERS if api == "linen" else nnx_trainers.TRAINERS


@cache
def _trainer(
    reference: ReferenceTrainer, architecture: Architecture, frozen: tuple[str, ...], eager: bool
) -> AnyTrainer:
    return reference.build(architecture, architecture.select(frozen), not eager)
