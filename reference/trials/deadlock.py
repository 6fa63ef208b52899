"""Tells whether leaves hold each other where a program puts them, as two zero factors do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..observation.trajectory import Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .longer_run import longer, moved_in_the_end, run_again, stays
from .other_weights import TELLING, Change, differs, first_loss, keep, scatter, scattered, shift

#: The first loss with other values of some leaves.
_Loss = Callable[[frozenset[Path], Change], float | None]

#: So many trainings are begun: from one of them the leaves may train.
_SEEDS = 4
#: Changes that are tried. A small product of two random factors lowers the loss as often as not.
_NEARBY: tuple[Change, ...] = tuple(
    functools.partial(scattered, seed=seed, size=size) for size in (0.5, 0.05) for seed in range(3)
)


def is_deadlocked(subject: Any, trajectory: Trajectory, path: Path) -> bool:
    """Tell whether no step moves a leaf from where the program puts it, by this seed and others,
    since it and other leaves take the gradient from each other.
    """
    assert isinstance(subject, TrainerSource), "only trainers make weights"
    trainer, problem = subject.trainer_for(trajectory.problem), trajectory.problem
    # What accuses is the program as it is.
    if not all(path in deadlocked(trainer, problem, shared=shared) for shared in (True, False)):
        return False
    others = (longer(replace(problem, seed=seed)) for seed in range(_SEEDS))
    if not all(stays(run_again(trainer, other, shared=True), path) for other in others):
        return False
    try:  # the program may open a gate by itself, after more steps
        return path not in moved_in_the_end(trainer, problem)
    except Exception:  # it does not train for so long
        return False


@functools.lru_cache(maxsize=16)  # all leaves that hold each other are asked for one by one
def deadlocked(trainer: Trainer, problem: TrainingProblem, *, shared: bool) -> frozenset[Path]:
    """Return the leaves of which none moves in many steps, and none alone changes the loss, while
    together they can make it smaller: each has a gradient of zero there, and there is no minimum.

    None where a leaf stays whose gradient is not zero, as while the rate is: what it holds back may
    begin to train with it. Nor where nobody sees what the optimizer is given.
    """
    run = run_again(trainer, longer(problem), shared=shared)
    trainable = frozenset[Path]().union(*(step.trainable for step in run.steps))
    staying = frozenset(path for path in trainable if stays(run, path))
    given = [step.given.gradients for step in run.steps if step.given]
    if not given or any(
        np.any(each[path] != 0) for each in given for path in staying & each.keys()
    ):
        return frozenset()
    loss: _Loss = functools.partial(first_loss, trainer, problem, shared=shared)
    plain = loss(frozenset(), keep)
    if plain is None:
        return frozenset()
    idle = frozenset(path for path in staying if not _depends_on(loss, plain, path))
    if not _can_lower(loss, plain, idle):
        return frozenset()
    return frozenset(path for path in idle if _takes_part(loss, path, idle))


def _can_lower(loss: _Loss, plain: float, leaves: frozenset[Path]) -> bool:
    """Tell whether other values of some leaves make the loss smaller by more than rounding."""
    losses = (loss(leaves, change) for change in _NEARBY)
    return any(each is not None and each < plain - TELLING * abs(plain) for each in losses)


def _depends_on(loss: _Loss, plain: float, path: Path) -> bool:
    """Tell whether other values of one leaf change the loss."""
    losses = (loss(frozenset({path}), change) for change in (shift, scatter))
    return any(differs(plain, each) for each in losses)


def _takes_part(loss: _Loss, path: Path, idle: frozenset[Path]) -> bool:
    """Tell whether the loss with other values of all idle leaves depends on those of this one."""
    for change in _NEARBY:
        together = loss(idle, change)
        if together is not None and differs(together, loss(idle - {path}, change)):
            return True
    return False
