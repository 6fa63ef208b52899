"""Tells whether a leaf that did not train, or that a decay alone moved, should have trained."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from ..observation.compilations import forget_programs
from ..observation.decay import decays, hardly_moves, moves_otherwise
from ..observation.trainer_run import reweigh, run_trainer
from ..observation.trajectory import Step, Trajectory
from ..observation.wrapper_run import run_wrapper
from ..optimizers.recording import recording
from ..problems.training_problem import TrainingProblem
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.paths import Path, named_leaves, normalise
from ..subjects.optax_wrapper import OptaxFreeze
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from ..subjects.training import Training

#: Steps after which a leaf has trained if it ever does, also behind `MultiSteps` or a warm-up.
_PATIENCE = 40
#: A gradient, or a relative change of the loss, that exceeds rounding.
_TELLING = 1e-3
#: Scales of a leaf at which training shows where rounding hides it at its own. A decay multiplies
#: small and large weights by the same number. The gradient of a leaf that is used once is as large
#: as before, and moves more of small weights than their last digits; where it shrinks with them, as
#: that of tied weights does, it grows with large ones.
_SCALES = (2.0**-40, 2.0**10)


def matters(subject: Any, trajectory: Trajectory, path: Path) -> bool | None:
    """Tell whether a leaf that did not train in a trajectory of this subject should have trained.

    None where nobody can tell.
    """
    problem = trajectory.problem
    if isinstance(problem, TreeProblem):
        return _moves_unwrapped(problem, path)
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
        statistic = named_leaves(training.model_state())[path]
        _change_in_place(training, statistic, lambda leaf: leaf * (1 + by) + by)
        return float(np.asarray(training.step(problem.batch(1))))
    except Exception:  # whatever goes wrong: nothing is known
        return None


def _change_in_place(training: Training, array: Any, change: Callable[[Any], Any]) -> None:
    """Change an array wherever it is in all that a training carries from step to step.

    Raises `LookupError` where it is not found once.
    """
    everything = training.everything()
    if [leaf is array for leaf in jax.tree.leaves(everything)].count(True) != 1:
        raise LookupError("the array is none of the leaves, or several")
    training.set_everything(
        jax.tree.map(lambda leaf: change(leaf) if leaf is array else leaf, everything)
    )


def _moves_unwrapped(problem: TreeProblem, path: Path) -> bool:
    """Tell whether the drawn gradients move a leaf by the optimizer alone, otherwise than by a
    decay: at a rate of 1e-30 rounding hides them.
    """
    alone = run_wrapper(_UNWRAPPED, problem)
    return problem.gradients == "ordinary" and any(
        moves_otherwise(step, path) for step in alone.steps
    )


_UNWRAPPED = OptaxFreeze(lambda optimizer, mask: optimizer)


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
    decaying = any(decays(step, path) or hardly_moves(step, path) for step in seen)
    if not decaying and _has_been_given_more(seen, path):
        should: bool | None = True
    else:
        should = _does_the_loss_depend_on(trainer, problem, path, decaying=decaying)
    return should and not _trains_at_another_scale(trainer, problem, path)


def _does_the_loss_depend_on(
    trainer: Trainer, problem: TrainingProblem, path: Path, *, decaying: bool
) -> bool | None:
    """Tell whether other values of a leaf change the loss, other than by a penalty on the weights
    if it decays; None where nobody can tell.
    """
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


def _trains_at_another_scale(trainer: Trainer, problem: TrainingProblem, path: Path) -> bool:
    """Tell whether a leaf is seen to move on and on, otherwise than by a decay, if it is much
    smaller or larger. What puts back its old values, or makes it NaN, moves it once.
    """
    try:
        return any(sum(_moves_from(trainer, problem, path, scale)) > 1 for scale in _SCALES)
    except Exception:  # no other values can be put in its place: nothing is seen
        return False


def _moves_from(
    trainer: Trainer, problem: TrainingProblem, path: Path, scale: float
) -> Iterator[bool]:
    """Yield step by step whether a leaf that was scaled moves otherwise than by a decay."""
    training = _begin(trainer, problem, {path}, lambda leaf: leaf * scale)
    for number in range(1, _PATIENCE + 1):
        before = training.moment()
        training.step(problem.batch(number))
        yield moves_otherwise(Step(before, training.moment(), frozenset(), number), path)


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
    try:
        training = _begin(trainer, problem, paths, lambda leaf: leaf * (1 + by) + by)
        return float(np.asarray(training.step(problem.batch(batch))))
    except Exception:  # no loss, or no way to put parameters in place: nothing is known
        return None


def _begin(
    trainer: Trainer,
    problem: TrainingProblem,
    paths: Container[Path] | None,
    change: Callable[[Any], Any],
) -> Training:
    """Return a new training in which some leaves, by default all, were changed.

    Raises:
        Exception: where the program raises, or other values cannot be put in the place of a leaf.
    """

    def changed(key_path: Any, leaf: Any) -> Any:
        return change(leaf) if paths is None or normalise(key_path) in paths else leaf

    optimizer = recording(problem.optimizer.transformation)
    training = trainer.begin(problem.seed, problem.batch(1), optimizer)
    if problem.weights != "initialised":
        reweigh(training, problem, frozenset())
    try:
        training.set_params(jax.tree_util.tree_map_with_path(changed, training.params()))
    except Exception:  # the program keeps parameters in a place that it alone knows
        for path, leaf in named_leaves(training.params()).items():
            if paths is None or path in paths:
                _change_in_place(training, leaf, change)
    if "unfreeze" in problem.actions:
        training.refreeze(())
    return training
