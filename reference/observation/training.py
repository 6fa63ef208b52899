"""A training that is under way, and how it is run: by the actions of a problem, one by one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np

from ..optimizers.optimizer import Optimizer
from ..optimizers.perturbation import disturbing
from ..optimizers.recording import recording
from ..problems.training_problem import CHANGE, Batch, TrainingProblem
from ..pytrees.paths import Path, named_leaves, normalise, path_text, select
from ..pytrees.snapshot import Copies, Snapshot, snapshot_of
from ..subjects.user_errors import let_through
from .checkpoint import through_orbax
from .compilations import compilations
from .sensitivity import half_precision, noisy, predicted
from .trajectory import Moment, Step, Trajectory

if TYPE_CHECKING:
    from ..subjects.trainer import Trainer


class Training(Protocol):
    """One training that is under way: the small protocol beneath every trainer."""

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
    def moment(self) -> Moment:
        """Return snapshots of all that can be seen now."""

    @abstractmethod
    def save(self) -> Any:
        """Return a copy of all there is to go back to, what is static included."""

    @abstractmethod
    def restore(self, saved: Any) -> None:
        """Go back to what was saved."""

    @abstractmethod
    def carries_all(self) -> bool:
        """Tell whether that is really all: no state in an object of the user's own."""

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """Return the model's prediction."""

    @abstractmethod
    def traceable(self) -> Callable[[Any], Any]:
        """Return `predict` as a function that may be traced without a trace being left behind."""

    @abstractmethod
    def refreeze(self, frozen: tuple[str, ...]) -> None:
        """Freeze these leaves from now on, and no others."""


def run_training(trainer: Trainer, problem: TrainingProblem) -> Trajectory:
    """Begin a training and do what the problem says; an exception ends it, and is kept."""
    trajectory = Trajectory(problem, declared_loss=trainer.loss)
    steps: list[Step] = []
    trajectory.steps = steps
    try:

        def begin(optimizer: Optimizer) -> Training:
            transformation = optimizer.transformation
            if problem.disturbed:
                transformation = disturbing(transformation, problem.disturbed, trainer)
            record = recording.__wrapped__ if problem.anew else recording
            return trainer.begin(problem.seed, problem.batch(1), record(transformation))

        training = begin(problem.optimizer)
        chosen = select(named_leaves(training.params()), trainer.frozen)
        trajectory.chosen = chosen
        if problem.weights != "initialised":
            reweigh(training, problem, chosen)
        _act(training, begin, problem, trajectory, steps)
    except BaseException as error:
        let_through(error)
        trajectory.raised = error
    return trajectory


def _act(
    training: Training,
    begin: Callable[[Optimizer], Training],
    problem: TrainingProblem,
    trajectory: Trajectory,
    steps: list[Step],
) -> None:
    frozen = chosen = trajectory.chosen
    saved, number, refrozen, optimizer = None, 0, False, problem.optimizer
    before = training.moment()
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
            steps[-1].optimizer = optimizer
            continue
        if action in sets:
            frozen, refrozen = sets[action], True
            training.refreeze(tuple(sorted(map(path_text, frozen))))
        elif action == "save":
            saved = training.save(), frozen, optimizer
        elif action == "checkpoint":
            old, training = training, begin(optimizer)
            if refrozen:
                training.refreeze(tuple(sorted(map(path_text, frozen))))
            through_orbax(old, training)
        elif action == CHANGE:
            assert problem.next_optimizer is not None
            optimizer, params = problem.next_optimizer, copied(training.params())
            training = begin(optimizer)
            training.set_params(params)
            if refrozen:
                training.refreeze(tuple(sorted(map(path_text, frozen))))
        elif saved is not None:
            training.restore(saved[0])
            _, frozen, optimizer = saved
        before = training.moment()


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
    prediction = predicted(training, batch.x) if number == 1 else None
    compiled = compilations()
    reported = training.step(batch)
    trajectory.compilations.append(compilations() - compiled)
    after = training.moment()
    kept = jax.tree.map(lambda a, b: a.tobytes() == b.tobytes(), batch, untouched)
    trajectory.batch_kept &= all(jax.tree.leaves(kept))
    loss = np.asarray(reported) if hasattr(reported, "dtype") else reported
    number_like = isinstance(loss, int | float) or getattr(loss, "shape", None) == ()
    step = Step(before, after, frozen, number, float(loss) if number_like else None)
    step.targets = untouched.y
    if prediction is not None:
        step.prediction, step.sensitivity = prediction.value, prediction.sensitivity
        step.noisy = before.model_state is not None or noisy(before.rest)
        step.half_precision = half_precision(
            training.trainer, training.traceable(), batch.x, before.params
        )
    steps.append(step)
    return after


def seen(params: Any, opt_state: Any, model_state: Any, everything: Any) -> Moment:
    """Return the moment that these trees show; None stands for what there is not."""
    copies: Copies = {}

    def taken(tree: Any) -> Snapshot | None:
        return None if tree is None else snapshot_of(tree, copies)

    try:
        rest = taken(everything)
    except ValueError:  # such as two leaves of one path in a state of the user's own making
        rest = None
    return Moment(snapshot_of(params, copies), taken(opt_state), taken(model_state), rest)


def reweigh(training: Training, problem: TrainingProblem, frozen: frozenset[Path]) -> None:
    """Put the weights that the problem asks for in place of the initialised ones."""

    def weigh(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        if not hasattr(leaf, "dtype") or leaf.dtype.kind not in "fV":
            return leaf
        drawn = problem.reweighted(path_text(path), np.asarray(leaf), path in frozen)
        placed = getattr(leaf, "committed", False)  # where the program put it, or JAX by default
        return jax.device_put(drawn, leaf.sharding) if placed else jax.numpy.asarray(drawn)

    training.set_params(jax.tree_util.tree_map_with_path(weigh, training.params()))


def copied(state: Any) -> Any:
    """Copy a state's arrays, keys among them, so that no later step donates or changes them."""
    return jax.tree.map(lambda leaf: leaf.copy() if hasattr(leaf, "copy") else leaf, state)
