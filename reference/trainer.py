"""Trainers under test: code that creates a model and its optimizer, and trains it step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import jax
import numpy as np

from .checkpoint import through_orbax
from .compilations import compilations
from .contract import UnusableSubject, binds, signature_of
from .disturbing import disturbing
from .paths import Frozen, Path, matches, named_leaves, normalise, path_text, select
from .predicting import half_precision, noisy, predicted
from .recording import recording
from .snapshot import Snapshot, snapshot
from .training_problem import Batch, TrainingProblem
from .trajectory import Moment, Step, Trajectory

Function = Callable[..., Any]


class Training(Protocol):
    """One training that is under way: the small protocol beneath every trainer."""

    @abstractmethod
    def params(self) -> Any:
        """Return the parameters, a pytree."""

    @abstractmethod
    def set_params(self, params: Any) -> None:
        """Put other parameters of the same structure in their place."""

    @abstractmethod
    def step(self, batch: Batch) -> Any:
        """Train on a batch; returns what the program reports as its loss."""

    @abstractmethod
    def opt_state(self) -> Any:
        """Return the optimizer's state, or None where it cannot be found."""

    @abstractmethod
    def model_state(self) -> Any:
        """Return the statistics of layers, or None where there are none."""

    @abstractmethod
    def everything(self) -> Any:
        """Return all that the training carries from step to step, a pytree."""

    @abstractmethod
    def set_everything(self, state: Any) -> None:
        """Put another state of the same structure in its place."""

    @abstractmethod
    def save(self) -> Any:
        """Return a copy of all there is to go back to, what is static included."""

    @abstractmethod
    def restore(self, saved: Any) -> None:
        """Go back to what was saved."""

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """Return the model's prediction."""

    @abstractmethod
    def refreeze(self, frozen: tuple[str, ...]) -> None:
        """Freeze these leaves from now on, and no others."""


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
    #: Number of arguments of `create` and `train_step`, and how they are called.
    _arguments: ClassVar[dict[str, tuple[int, str]]]

    def __post_init__(self) -> None:
        for name, (count, call) in self._arguments.items():
            function = getattr(self, name)
            if not callable(function) or not binds(function, count):
                raise UnusableSubject(
                    f"`{name}` is called as {call}: {signature_of(function)} does not take "
                    f"{count} positional arguments"
                )
        if not (self.loss is None or self.loss == "mse" or callable(self.loss)):
            raise UnusableSubject(f"`loss` must be 'mse' or a NumPy callable, got {self.loss!r}")
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
        return _run(self, problem)

    def matters(self, trajectory: Trajectory, path: Path) -> bool:
        """Tell whether a leaf that did not move should have: many more steps do not move it, and
        its gradient is not negligible or the loss depends on it.

        Where parameters cannot be put in place from outside, only the gradient is looked at.
        """
        problem = trajectory.problem
        longer = _run(self, replace(problem, actions=("step",) * _PATIENCE))
        if not longer.steps or longer.raised:
            return False
        if longer.first.params[path] != longer.last.params[path]:
            return False
        given = [step.given.gradients.get(path) for step in trajectory.steps if step.given]
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
            return float(np.asarray(training.step(problem.batch(1))))
        except Exception:  # no loss, or no way to put parameters in place: nothing is known
            return None


#: Steps after which a leaf moves if it ever does: behind `MultiSteps`, or a warm-up from zero.
_PATIENCE = 40
#: A gradient, or a relative change of the loss, that is no rounding.
_TELLING = 1e-3


def _run(trainer: Trainer, problem: TrainingProblem) -> Trajectory:
    trajectory = Trajectory(problem, declared_loss=trainer.loss)
    steps: list[Step] = []
    trajectory.steps = steps
    try:
        optimizer = problem.optimizer.transformation
        if problem.disturbed:
            optimizer = disturbing(optimizer, problem.disturbed, trainer)
        recorder = recording.__wrapped__(optimizer) if problem.anew else recording(optimizer)

        def begin() -> Training:
            return trainer.begin(problem.seed, problem.batch(1), recorder)

        training = begin()
        chosen = select(named_leaves(training.params()), trainer.frozen)
        trajectory.chosen = chosen
        trajectory.trains = bool(named_leaves(training.params()).keys() - chosen)
        if problem.weights != "initialised":
            reweigh(training, problem, chosen)
        _act(training, begin, problem, trajectory, steps)
    except (Exception, SystemExit) as error:
        trajectory.raised = error
    return trajectory


def _act(
    training: Training,
    begin: Callable[[], Training],
    problem: TrainingProblem,
    trajectory: Trajectory,
    steps: list[Step],
) -> None:
    frozen = chosen = trajectory.chosen
    saved, number, refrozen = None, 0, False
    before = _moment(training)
    floats = {path for path, leaf in before.params.items() if leaf.array.dtype.kind in "fcV"}
    sets = {
        "freeze": chosen,
        "unfreeze": frozenset[Path](),
        "freeze the others": frozenset(floats - chosen),
        "freeze everything": frozenset(floats),
    }
    for action in problem.actions:
        if action == "step":
            number += 1
            before = _step(training, problem, before, frozen, number, trajectory, steps)
            continue
        if action in sets:
            frozen, refrozen = sets[action], True
            training.refreeze(tuple(sorted(map(path_text, frozen))))
        elif action == "save":
            saved = training.save(), frozen
        elif action == "checkpoint":
            old, training = training, begin()
            if refrozen:
                training.refreeze(tuple(sorted(map(path_text, frozen))))
            through_orbax(old, training)
        elif saved is not None:
            training.restore(saved[0])
            frozen = saved[1]
        before = _moment(training)


def _step(
    training: Training,
    problem: TrainingProblem,
    before: Moment,
    frozen: frozenset[Path],
    number: int,
    trajectory: Trajectory,
    steps: list[Step],
) -> Moment:
    batch, untouched = problem.batch(number), problem.batch(number)
    # Only before the first step: the others start from weights of the program's own making.
    prediction = predicted(training.predict, batch.x) if number == 1 else None
    compiled = compilations()
    reported = training.step(batch)
    trajectory.compilations.append(compilations() - compiled)
    after = _moment(training)
    kept = jax.tree.map(lambda a, b: a.tobytes() == b.tobytes(), batch, untouched)
    trajectory.batch_kept &= all(jax.tree.leaves(kept))
    loss = np.asarray(reported) if hasattr(reported, "dtype") else reported
    number_like = isinstance(loss, int | float) or getattr(loss, "shape", None) == ()
    step = Step(before, after, frozen, number, float(loss) if number_like else None)
    step.targets = untouched.y
    if prediction is not None:
        step.prediction, step.sensitivity = prediction.value, prediction.sensitivity
        step.noisy = before.model_state is not None or noisy(before.rest)
        step.half_precision = half_precision(training.predict, batch.x, before.params)
    steps.append(step)
    return after


def _moment(training: Training) -> Moment:
    opt_state, model_state = training.opt_state(), training.model_state()
    return Moment(
        snapshot(training.params()),
        None if opt_state is None else snapshot(opt_state),
        None if model_state is None else snapshot(model_state),
        _rest(training),
    )


def _rest(training: Training) -> Snapshot | None:
    try:
        return snapshot(training.everything())
    except ValueError:  # such as two leaves of one path in a state of the user's own making
        return None


def reweigh(training: Training, problem: TrainingProblem, frozen: frozenset[Path]) -> None:
    """Put the weights that the problem asks for in place of the initialised ones."""

    def weigh(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        if not hasattr(leaf, "dtype") or leaf.dtype.kind not in "fV":
            return leaf
        drawn = problem.reweighted(path_text(path), np.asarray(leaf), path in frozen)
        return jax.numpy.asarray(drawn)

    training.set_params(jax.tree_util.tree_map_with_path(weigh, training.params()))


def copied(state: Any) -> Any:
    """Copy a state's arrays, keys among them, so that no later step donates or changes them."""
    return jax.tree.map(lambda leaf: leaf.copy() if hasattr(leaf, "copy") else leaf, state)
