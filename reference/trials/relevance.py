"""Tells whether a leaf that did not train, or that a decay alone moved, should have trained."""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from ..observation.compilations import forget_programs
from ..observation.decay import decays, moves_otherwise
from ..observation.trainer_run import reweigh, run_trainer
from ..observation.trajectory import Step, Trajectory
from ..optimizers.recording import recording
from ..problems.training_problem import TrainingProblem
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.paths import Path, named_leaves, normalise
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from ..subjects.training import Training

#: Steps after which a leaf has trained if it ever does, also behind `MultiSteps` or a warm-up.
_PATIENCE = 40
#: A gradient, or a relative change of the loss, that exceeds rounding.
_TELLING = 1e-3


def matters(subject: Any, trajectory: Trajectory, path: Path) -> bool | None:
    """Tell whether a leaf that did not train in a trajectory of this subject should have trained.

    None where nobody can tell.
    """
    problem = trajectory.problem
    if isinstance(problem, TreeProblem):
        return _has_a_gradient(problem, path)
    assert isinstance(subject, TrainerSource), "only wrappers and trainers have leaves"
    return _would_move(subject.trainer_for(problem), trajectory, path)


def is_used(subject: Any, trajectory: Trajectory, path: Path) -> bool:
    """Tell whether the loss of a first step depends on a statistic; also where nobody can tell."""
    assert isinstance(subject, TrainerSource), "only trainers have statistics"
    trainer, problem = subject.trainer_for(trajectory.problem), trajectory.problem
    plain, changed = (_loss_with_statistic(trainer, problem, path, by) for by in (0.0, 0.5))
    return plain is None or _differs(plain, changed) or _is_placeholder(trainer, problem)


def _loss_with_statistic(
    trainer: Trainer, problem: TrainingProblem, path: Path, by: float
) -> float | None:
    """Return the loss of the first step with a statistic scaled and shifted by so much.

    None where the statistic is not found in the state, or there is no loss.
    """
    try:
        training = trainer.begin(
            problem.seed, problem.batch(1), recording(problem.optimizer.transformation)
        )
        _shift_in_place(training, named_leaves(training.model_state())[path], by)
        return float(np.asarray(training.step(problem.batch(1))))
    except Exception:  # whatever goes wrong: nothing is known
        return None


def _shift_in_place(training: Training, array: Any, by: float) -> None:
    """Scale and shift an array wherever it is in all that a training carries from step to step.

    Raises `LookupError` where it is not found once.
    """
    everything = training.everything()
    if [leaf is array for leaf in jax.tree.leaves(everything)].count(True) != 1:
        raise LookupError("the array is none of the leaves, or several")
    training.set_everything(
        jax.tree.map(lambda leaf: leaf * (1 + by) + by if leaf is array else leaf, everything)
    )


def _has_a_gradient(problem: TreeProblem, path: Path) -> bool:
    """Tell whether the drawn gradients of a leaf are large enough to move it."""
    drawn = [named_leaves(problem.gradient(step + 1))[path] for step in range(problem.steps)]
    return problem.gradients == "ordinary" and any(leaf.any() for leaf in drawn)


def _would_move(trainer: Trainer, trajectory: Trajectory, path: Path) -> bool | None:
    """Tell whether a leaf matters and many more steps do not move it either.

    It matters if its gradient is not negligible, or if the loss depends on it. Where no other
    values can be put in its place, only the gradient tells.
    """
    problem = trajectory.problem
    # A leaf that was unfrozen is examined unfrozen: a frozen norm uses kept statistics, and a bias
    # before it matters then; the statistics of a single row cancel it.
    thawed = ("unfreeze",) if "unfreeze" in problem.actions else ()
    actions = (*thawed, *("step",) * _PATIENCE)
    runs = [trajectory]
    # A wrapper may hold back for longer: `mechanize` learns its scale from 1e-6 up.
    for optimizer in filter(None, (problem.optimizer, problem.optimizer.inner)):
        asked = replace(problem, optimizer=optimizer, actions=actions)
        # By a shared program most leaves are seen to move; what accuses is the program as it is.
        if not _stays(longer := _run(trainer, asked, shared=True), path):
            return False
        if longer.shared and not _stays(_run(trainer, asked, shared=False), path):
            return False
        runs.append(longer)
    seen = [step for run in runs for step in run.steps if path not in step.frozen]
    decaying = any(decays(step, path) for step in seen)
    if not decaying and _has_been_given_more(seen, path):
        return True
    plain, perturbed = (_first_loss(trainer, problem, {path}, by) for by in (0.0, 0.5))
    if plain is None or perturbed is None:
        return None
    if not _differs(plain, perturbed):
        return None if _is_placeholder(trainer, problem) else False
    if _is_always_given_one_batch(problem):  # then a penalty is not told from the rest of the loss
        return None if decaying else True
    return _matters_to_the_model(trainer, problem, path, perturbed - plain)


def _has_been_given_more(steps: Sequence[Step], path: Path) -> bool:
    """Tell whether the optimizer was given a gradient of a leaf that is more than rounding."""
    given = [step.given.gradients.get(path) for step in steps if step.given]
    return any(leaf is not None and np.abs(leaf.astype(float)).max() > _TELLING for leaf in given)


def _is_always_given_one_batch(problem: TrainingProblem) -> bool:
    leaves, others = (jax.tree.leaves(problem.batch(number)) for number in (1, 2))
    return all(np.array_equal(one, other) for one, other in zip(leaves, others, strict=True))


def _matters_to_the_model(
    trainer: Trainer, problem: TrainingProblem, path: Path, change: float
) -> bool | None:
    """Tell whether other values of a leaf change the loss of a second batch otherwise than they
    changed that of the first: a penalty on the weights changes all alike.

    None where its loss is not known.
    """
    plain, perturbed = (_first_loss(trainer, problem, {path}, by, batch=2) for by in (0.0, 0.5))
    if plain is None or perturbed is None:
        return None
    largest = max(abs(change), abs(plain), abs(perturbed))
    return abs(perturbed - plain - change) > _TELLING * largest


@functools.lru_cache(maxsize=4)  # all leaves that did not move are looked at in the same runs
def _run(trainer: Trainer, problem: TrainingProblem, *, shared: bool) -> Trajectory:
    forget_programs()
    return run_trainer(trainer, problem, shared=shared, predicted=False)


def _stays(longer: Trajectory, path: Path) -> bool:
    """Tell whether no step of a run moved a leaf but by a decay; not if the run ended before."""
    if not longer.steps or longer.raised is not None:
        return False
    return not any(moves_otherwise(step, path) for step in longer.steps)


def _differs(plain: float, perturbed: float | None) -> bool:
    """Tell whether a loss is another one, also where it is not known."""
    return perturbed is None or abs(plain - perturbed) > _TELLING * abs(plain)


def _is_placeholder(trainer: Trainer, problem: TrainingProblem) -> bool:
    """Tell whether the loss stays the same whatever all leaves are, as a 0.0 in its place does: of
    no leaf it tells whether it matters.
    """
    plain, perturbed = (_first_loss(trainer, problem, None, by) for by in (0.0, 0.5))
    return plain is not None and not _differs(plain, perturbed)


def _first_loss(
    trainer: Trainer,
    problem: TrainingProblem,
    paths: Container[Path] | None,
    by: float,
    batch: int = 1,
) -> float | None:
    """Return the loss of the first step of a new training, on the batch of this number, after some
    leaves, by default all, were scaled and shifted; None where it is not known.
    """

    def shift(key_path: Any, leaf: Any) -> Any:
        asked = paths is None or normalise(key_path) in paths
        return leaf * (1 + by) + by if asked else leaf

    try:
        optimizer = recording(problem.optimizer.transformation)
        training = trainer.begin(problem.seed, problem.batch(1), optimizer)
        if problem.weights != "initialised":
            reweigh(training, problem, frozenset())
        try:
            training.set_params(jax.tree_util.tree_map_with_path(shift, training.params()))
        except Exception:  # the program keeps parameters in a place that it alone knows
            for path, leaf in named_leaves(training.params()).items():
                if paths is None or path in paths:
                    _shift_in_place(training, leaf, by)
        if "unfreeze" in problem.actions:
            training.refreeze(())
        return float(np.asarray(training.step(problem.batch(batch))))
    except Exception:  # no loss, or no way to put parameters in place: nothing is known
        return None
