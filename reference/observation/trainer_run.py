"""Runs a trainer: begins a training, and does the actions of a problem one by one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from ..optimizers.lifted import carries, lifted, with_numbers
from ..optimizers.optimizer import Optimizer
from ..optimizers.perturbation import perturbing
from ..optimizers.recording import handed, recording
from ..optimizers.state_looks import as_it_would, is_looker
from ..problems.actions import ACTIONS
from ..problems.training_problem import TrainingProblem
from ..pytrees.dtypes import is_float, is_inexact
from ..pytrees.following import copied_params, find_copies
from ..pytrees.paths import Path, named_leaves, normalise, path_text
from ..pytrees.phases import has_phases
from ..pytrees.snapshot import snapshot
from ..pytrees.twins import originals
from ..subjects.trainer import Trainer
from ..subjects.training import Training, copy_arrays, select_frozen
from ..subjects.user_errors import let_through
from .checkpoint import through_checkpoint
from .compilations import compilations
from .gradient_hooks import Disturbance, Sighting, disturbing_gradients
from .sensitivity import Prediction, is_half_precision, is_noisy, predict_before_step
from .shared_programs import (
    bears_lifting,
    compiled_prediction,
    may_share,
    require_lifted,
    share_program,
)
from .trajectory import Step, Trajectory


def run_trainer(
    trainer: Trainer, problem: TrainingProblem, *, shared: bool = False, predicted: bool = True
) -> Trajectory:
    """Begin a training and do the actions of a problem; an exception ends it, and is kept.

    Gradients that the problem disturbs are disturbed where the program takes them, or, where that
    cannot be seen, on their way to the optimizer.

    Args:
        trainer: the code under test.
        problem: what it is given.
        shared: let it share the programs of others of its structure (see `shared_programs`).
        predicted: predict before the first step, without which no law can judge the loss.
    """

    shares = shared and may_share(trainer, problem)

    def live(sighting: Sighting | None = None) -> Trajectory:
        trajectory = Trajectory(problem, declared_loss=trainer.loss, predicted=predicted)
        return _live(trainer, trajectory, shares, sighting)

    def lived(sighting: Sighting | None = None) -> Trajectory:
        if shares:  # what raises by the program of another runs as it is, too
            return live(sighting)
        return as_it_would(trainer.train_step, lambda: live(sighting))

    if not problem.disturbed:
        return lived()
    trajectory = lived(_SIGHTINGS.setdefault(trainer, Sighting()))
    found = frozenset(_SIGHTINGS[trainer].found)
    unseen = trajectory.trained_besides(found)
    if unseen and not any(step.goes_by_other_names for step in trajectory.steps):
        trajectory = lived()
    trajectory.unseen, trajectory.differentiated = unseen, found
    return trajectory


#: Of each trainer, how it takes gradients.
_SIGHTINGS: WeakKeyDictionary[Trainer, Sighting] = WeakKeyDictionary()


def _live(
    trainer: Trainer, trajectory: Trajectory, shares: bool, sighting: Sighting | None
) -> Trajectory:
    problem = trajectory.problem
    try:
        life = _Life(trainer, problem, trajectory, shares, sighting)
        for name in problem.actions:
            action = ACTIONS[name]
            trajectory.at_work = f"`refreeze` ({name})" if action.freezes else f"{name!r}"
            action.effect(life)
    except BaseException as error:
        let_through(error)
        trajectory.raised = error
    return trajectory


#: The steps before which a trainer predicts: all of a short run, and some of a long one, since a
#: prediction takes as long as three steps.
_PREDICTED = frozenset({1, 2, 3, 4, 8, 16, 32, 64})


#: How far from the edge a step has to be that is skipped: further than bfloat16 rounds.
_EDGE = 0.02


class _Life:
    """A training under way, as actions know it (`Lived`); what they do goes into a trajectory."""

    def __init__(
        self,
        trainer: Trainer,
        problem: TrainingProblem,
        trajectory: Trajectory,
        shares: bool,
        sighting: Sighting | None,
    ):
        self.trainer = trainer
        #: Whether it may share the programs of others, and is handed an optimizer that does.
        self.shares, self.lifts = shares, False
        #: How its gradients are taken, where they are to be disturbed there.
        self.sighting = sighting
        self.problem = problem
        self.trajectory = trajectory
        self.optimizer = problem.optimizer
        trajectory.at_work = "`create`"
        self.training = self._begun()
        trajectory.at_work = "looking at what `create` returned"
        self.chosen, self.frozen_statistics = select_frozen(self.training)
        trajectory.chosen = self.frozen = self.chosen
        trajectory.at_work = "`initial`"
        given = trainer.beginning
        known = self.training.other_names().items() if given else ()
        # A checkpoint may have a tied weight by either name, or by both.
        tied = {path: given[other] for other, path in known if other in given}
        trajectory.initial = {**tied, **given} if tied else given
        if problem.weights != "initialised":
            trajectory.at_work = "`with_params`"
            reweigh(self.training, problem, self.chosen)
        #: Whether an action chose what is frozen: a training begun anew has to be told.
        self.refrozen = False
        self.saved: tuple[Any, frozenset[Path], Optimizer, bool] | None = None
        trajectory.at_work = "looking at what `create` returned"
        self.now = self.training.moment()
        trajectory.copies = find_copies(trainer.following, self.now.rest or (), self.training.roots)
        self.copied = copied_params(self.now.params, self.now.rest or (), trajectory.copies)
        trajectory.chosen = self.chosen & self.now.params.keys()
        self.normalised = self.training.normalised()
        params = self.now.params.items()
        floats = (path for path, leaf in params if is_inexact(leaf.array.dtype))
        self.floats = frozenset(floats) - self.copied

    def step(self) -> None:
        number, before = len(self.trajectory.steps) + 1, self.now
        if has_phases(self.trainer.frozen):
            self.frozen, self.frozen_statistics = select_frozen(self.training, number)
        batch, untouched = self.problem.batch(number), self.problem.batch(number)
        asked = self.trajectory.predicted and number in _PREDICTED and hasattr(batch, "x")
        self.trajectory.at_work = "`predict`"
        prediction = self._predicted(batch.x) if asked else None
        self.trajectory.at_work = "`skips`"
        skipped = self.trainer.skips is not None and self._skips(batch)
        self.trajectory.at_work = f"step {number}"
        compiled = compilations()
        with self._disturbed():
            reported = self.training.step(batch)
        self.trajectory.compilations.append(compilations() - compiled)
        self.now = self.training.moment()
        if self.lifts:
            found = {path: leaf.array for path, leaf in (self.now.opt_state or {}).items()}
            require_lifted(self.trainer, found, self.optimizer)
        kept = jax.tree.map(lambda a, b: a.tobytes() == b.tobytes(), batch, untouched)
        self.trajectory.batch_kept &= all(jax.tree.leaves(kept))
        step = Step(before, self.now, self.frozen, number, self.frozen_statistics, self.copied)
        step.normalised = self.normalised
        # A function among the leaves, such as an activation, cannot move.
        step.frozen &= before.params.keys() | self.now.params.keys()
        old, new = step.model_state
        step.frozen_statistics &= old.keys() | new.keys()
        step.skipped = skipped
        step.looked_at = is_looker(self.trainer.train_step)
        step.loss, step.optimizer = _as_number(reported), self.optimizer
        step.targets = getattr(untouched, "y", None)
        if prediction is not None:
            step.prediction, step.sensitivity = prediction.value, prediction.sensitivity
            step.noisy = is_noisy(before.rest)
            step.half_precision = is_half_precision(
                self.trainer, self.training.traceable(), batch.x, before.params
            )
        self.trajectory.steps.append(step)

    def _skips(self, batch: Any) -> bool:
        """Tell whether a step has to be skipped, also by batches that are a little other: whoever
        computes in another order may come to another answer at the edge.
        """

        def at(scale: float) -> bool:
            return self.training.skips(
                jax.tree.map(
                    lambda a: (a * scale).astype(a.dtype) if is_float(a.dtype) else a, batch
                )
            )

        return all(map(at, (1.0, 1 - _EDGE, 1 + _EDGE)))

    def _predicted(self, x: Any) -> Prediction | None:
        training, predict = self.training, self.training.predict
        if self.shares and (compiled := compiled_prediction(self.trainer)) is not None:
            self.trajectory.shared = True

            def predict(x: Any) -> Any:
                return compiled(training.everything(), x)

        return predict_before_step(training, predict, x)

    def freeze(self, leaves: frozenset[Path]) -> None:
        self.frozen, self.refrozen = leaves, True
        self._tell_what_is_frozen()
        self.now = self.training.moment()

    def save(self) -> None:
        self.saved = self.training.save(), self.frozen, self.optimizer, self.lifts
        self.now = self.training.moment()

    def restore(self) -> None:
        if self.saved is not None:
            saved, self.frozen, self.optimizer, self.lifts = self.saved
            self.training.restore(saved)
        self.now = self.training.moment()

    def go_on_from_a_checkpoint(self) -> None:
        old, self.training = self.training, self._begun()
        self._tell_what_is_frozen()
        through_checkpoint(old, self.training)
        self.now = self.training.moment()

    def change_optimizer(self) -> None:
        assert self.problem.next_optimizer is not None
        self.optimizer = self.problem.next_optimizer
        params = copy_arrays(self.training.params())
        self.training = self._begun()
        self.training.set_params(params)
        self._tell_what_is_frozen()
        self.now = self.training.moment()

    def _begun(self) -> Training:
        handed = self._lifted() if self.shares and bears_lifting(self.trainer) else None
        self.lifts = handed is not None
        self.trajectory.shared |= self.lifts
        batch = self.problem.batch(1)
        training = self.trainer.begin(self.problem.seed, batch, handed or self._as_it_is())
        return self._sharing(training)

    def _as_it_is(self) -> Any:
        """Return the optimizer in force, which records, and may see other gradients."""
        transformation = self.optimizer.transformation
        if self._disturbed_late:
            transformation = perturbing(transformation, self.problem.disturbed, self.trainer)
        return handed(self.trainer.train_step, transformation, anew=self.problem.anew)

    @property
    def _disturbed_late(self) -> bool:
        """Whether gradients are disturbed on their way to the optimizer, which knows no step."""
        late = self.problem.disturbed and self.sighting is None
        return bool(late and not has_phases(self.trainer.frozen))

    def _lifted(self) -> Any:
        """Return the same with its numbers in its state, so that all of its form share a step."""
        disturbed, trainer = self.problem.disturbed, self.trainer
        if not self._disturbed_late:
            return lifted(self.optimizer, recording.__wrapped__)

        def wrap(optimizer: Any) -> Any:
            return recording.__wrapped__(perturbing.__wrapped__(optimizer, disturbed, trainer))

        return lifted(self.optimizer, wrap, (disturbed, trainer))

    def _disturbed(self) -> AbstractContextManager[None]:
        if self.sighting is None:
            return nullcontext()
        shapes = {path: leaf.array.shape for path, leaf in self.now.params.items()}
        return disturbing_gradients(
            Disturbance(self.problem.disturbed, shapes, self.frozen, self.sighting)
        )

    def _tell_what_is_frozen(self) -> None:
        if self.refrozen:
            self.training.refreeze(tuple(sorted(map(path_text, self.frozen))))
            self._sharing(self.training)

    def _sharing(self, training: Training) -> Training:
        if self.shares:
            self.trajectory.shared |= share_program(training)
            if self.lifts:
                self._put_own_numbers(training)
        return training

    def _put_own_numbers(self, training: Training) -> None:
        """Put the numbers of the optimizer in force into its state, if another's are there.

        They are in a program that keeps what it makes of an optimizer, for all that are equal.
        """
        if not carries(named_leaves(training.opt_state()), self.optimizer):
            training.set_everything(with_numbers(training.everything(), self.optimizer))
            require_lifted(self.trainer, named_leaves(training.opt_state()), self.optimizer)


def _as_number(reported: Any) -> float | None:
    """Return the loss that a step reported, of any shape; None where it is not one real number."""
    if not isinstance(reported, int | float) and not hasattr(reported, "dtype"):
        return None
    try:
        loss = np.asarray(reported).reshape(())
    except (TypeError, ValueError):  # a key of JAX, or several numbers
        return None
    return None if np.iscomplexobj(loss) else float(loss)


def reweigh(training: Training, problem: TrainingProblem, frozen: frozenset[Path]) -> None:
    """Put the weights that the problem asks for in place of the initialised ones; copies of others
    stay copies.
    """
    params = copy_arrays(training.params())
    copied = originals({path: leaf.array for path, leaf in snapshot(params).items()})
    sources = {
        path: source for path, source in copied.items() if (path in frozen) == (source in frozen)
    }

    def weigh(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        dtype = getattr(leaf, "dtype", None)
        if not isinstance(dtype, np.dtype) or not is_float(dtype):  # a key of JAX has another
            return leaf
        drawn = problem.reweighted(
            path_text(sources.get(path, path)), np.asarray(leaf), path in frozen
        )
        placed = getattr(leaf, "committed", False)  # where the program put it, or JAX by default
        return jax.device_put(drawn, leaf.sharding) if placed else jax.numpy.asarray(drawn)

    training.set_params(jax.tree_util.tree_map_with_path(weigh, params))
