"""Tells a projection of weights onto a norm from a decay, which multiplies all weights alike."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from ..observation.decay import decay_factor, decays, is_same_factor
from ..observation.trajectory import Step, Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .other_weights import Change, keep, steps_from

#: Of each trainer, the leaves that were tried.
_PROJECTED: WeakKeyDictionary[Trainer, dict[Path, bool]] = WeakKeyDictionary()


def is_projected(subject: Any, trajectory: Trajectory, path: Path) -> bool:
    """Tell whether the number by which a step multiplies a leaf is another one for a leaf that is
    four times as large, and for one that is a fourth of it: a decay beside a clip of large weights
    takes as much of small ones. Not where no other values can be put in its place.

    Steps are run anew for it, once of a leaf.
    """
    if not isinstance(subject, TrainerSource):
        return False
    trainer = subject.trainer_for(trajectory.problem)
    known = _PROJECTED.setdefault(trainer, {})
    if path not in known:
        known[path] = _is_shrunk_by_its_size(trainer, trajectory, path)
    return known[path]


def _is_shrunk_by_its_size(trainer: Trainer, trajectory: Trajectory, path: Path) -> bool:
    problem = trajectory.problem
    number = next((step.number for step in trajectory.steps if decays(step, path)), 0)
    try:
        own, *others = (
            _step_from(trainer, problem, path, number, change)
            for change in (keep, lambda _, leaf: leaf * 4, lambda _, leaf: leaf / 4)
        )
    except Exception:  # whatever goes wrong: nothing is known
        return False
    factor, *factors = (decay_factor(step, path) for step in (own, *others))
    return number > 0 and not any(is_same_factor(own, path, factor, each) for each in factors)


def _step_from(
    trainer: Trainer, problem: TrainingProblem, path: Path, number: int, change: Change
) -> Step:
    """Return the step of this number of a training that begins with a changed leaf.

    Raises:
        Exception: where the program raises, or no other values can be put in its place.
    """
    *_, step = steps_from(trainer, problem, {path}, change, number)
    return step
