"""Trainers under test: code that creates a model and its optimizer, and trains it step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import numpy as np

from ..observation.training import Training, reweigh, run_training
from ..observation.trajectory import Trajectory
from ..optimizers.recording import recording
from ..problems.training_problem import Batch, TrainingProblem
from ..pytrees.comparison import same_value
from ..pytrees.paths import Frozen, Path, matches, normalise
from .exercise import UnusableSubject, require_call, require_collection

Function = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Trainer:
    """What `LinenTrainer` and `NnxTrainer` share; those two say how their functions are called."""

    create: Function
    train_step: Function
    #: Path prefixes compared segment by segment, such as ("encoder/block_1",), or a predicate.
    frozen: Frozen = ()
    predict: Function | None = None
    #: "mse" or a NumPy callable `loss(prediction, y)`: without it no law judges the loss.
    loss: str | Function | None = None
    params: Function | None = None
    with_params: Function | None = None
    opt_state: Function | None = None
    model_state: Function | None = None
    refreeze: Function | None = None
    #: A Hypothesis strategy of batches (anything with `.x` and `.y`), for a model of other inputs.
    batches: Any = None
    #: Under which optimizers it promises to freeze: "common", "all", or a strategy.
    optimizers: Any = "common"
    promise: Collection[str] = ("selected", "value")

    kind: ClassVar[str] = "trainer"
    #: How its functions are called, by their names; of those in one entry, any may serve.
    _calls: ClassVar[dict[str, tuple[str, ...]]]

    def __post_init__(self) -> None:
        for name, calls in self._calls.items():
            function = getattr(self, name)
            if function is not None or name in ("create", "train_step"):
                require_call(function, f"`{name}`", *calls)
        if not (self.loss is None or self.loss == "mse" or callable(self.loss)):
            raise UnusableSubject(f"`loss` must be 'mse' or a NumPy callable, got {self.loss!r}")
        if callable(self.loss):
            require_call(self.loss, "`loss`", "loss(prediction, y)")
        require_collection("promise", self.promise)
        try:
            matches(("a", "leaf"), self.frozen) if not callable(self.frozen) else None
        except TypeError as error:
            raise UnusableSubject(str(error)) from None

    @abstractmethod
    def begin(self, seed: int, batch: Batch, optimizer: Any) -> Training:
        """Create the model and its optimizer."""

    def read_problem(self, record: Any) -> TrainingProblem:
        """Return the problem of a record."""
        return TrainingProblem.read(record)

    def run(self, problem: TrainingProblem, *, watched: bool = False) -> Trajectory:
        """Train by the problem's actions and return what happened."""
        del watched
        return run_training(self, problem)

    def matters(self, trajectory: Trajectory, path: Path) -> bool:
        """Tell whether a leaf that did not move should have: many more steps do not move it, and
        its gradient is not negligible or the loss depends on it.

        Where parameters cannot be put in place from outside, only the gradient is looked at.
        """
        problem = trajectory.problem
        # A leaf that was unfrozen is looked at unfrozen: a frozen norm takes its kept statistics,
        # by which a bias before it matters that one row's own statistics cancel.
        thawed = ("unfreeze",) if "unfreeze" in problem.actions else ()
        actions = (*thawed, *("step",) * _PATIENCE)
        # A wrapper may hold back for longer: `mechanize` learns its scale from 1e-6 up.
        for optimizer in filter(None, (problem.optimizer, problem.optimizer.inner)):
            longer = run_training(self, replace(problem, optimizer=optimizer, actions=actions))
            if not longer.steps or longer.raised is not None:
                return False
            # Its values: JAX gives a weakly typed leaf a type of its own in the first update.
            if not same_value(longer.first.params[path].array, longer.last.params[path].array):
                return False
        trained = (step for step in trajectory.steps if path not in step.frozen)
        given = [step.given.gradients.get(path) for step in trained if step.given]
        if any(leaf is not None and np.abs(leaf.astype(float)).max() > _TELLING for leaf in given):
            return True
        plain, perturbed = (self._first_loss(problem, path, by) for by in (0.0, 0.5))
        if plain is None or perturbed is None:
            return False
        return abs(plain - perturbed) > _TELLING * abs(plain)

    def _first_loss(self, problem: TrainingProblem, path: Path, by: float) -> float | None:
        """Return the loss of the first step with a leaf scaled and shifted by so much."""

        def shift(key_path: Any, leaf: Any) -> Any:
            return leaf * (1 + by) + by if normalise(key_path) == path else leaf

        try:
            optimizer = recording(problem.optimizer.transformation)
            training = self.begin(problem.seed, problem.batch(1), optimizer)
            if problem.weights != "initialised":
                reweigh(training, problem, frozenset())
            shifted = jax.tree_util.tree_map_with_path(shift, training.params())
            training.set_params(shifted)
            if "unfreeze" in problem.actions:
                training.refreeze(())
            return float(np.asarray(training.step(problem.batch(1))))
        except Exception:  # no loss, or no way to put parameters in place: nothing is known
            return None


#: Steps after which a leaf moves if it ever does: behind `MultiSteps`, or a warm-up from zero.
_PATIENCE = 40
#: A gradient, or a relative change of the loss, that is no rounding.
_TELLING = 1e-3
