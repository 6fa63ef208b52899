"""Tells whether leaves hold each other where a program puts them, as two zero factors do."""

from __future__ import annotations

import functools
import math
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
from .penalties import are_alike, is_always_given_one_batch

#: Leaves, and what is done to them.
_Changed = tuple[frozenset[Path], Change]
#: The first loss with other values of some leaves, on the first batch or another.
_Loss = Callable[..., float | None]
#: Tells whether two changes make different losses, or nothing.
_Differ = Callable[[_Changed, _Changed], bool | None]

#: So many trainings are begun: from one of them the leaves may train.
_SEEDS = 4
#: Changes of a leaf alone.
_ALONE: tuple[Change, ...] = (shift, scatter)
#: Changes of several. A small product of two random factors lowers the loss as often as not.
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
    """Return the leaves that stay in many steps, each with a gradient of zero, although together
    they can make the loss smaller: none alone changes what the model makes of the weights.

    None where a leaf stays whose gradient is not zero, as while the rate is: what it holds back may
    begin to train with it. Where nobody sees what the optimizer is given, a leaf alone must not
    change the loss by a single bit.
    """
    run = run_again(trainer, longer(problem), shared=shared)
    trainable = frozenset[Path]().union(*(step.trainable for step in run.steps))
    staying = frozenset(path for path in trainable if stays(run, path))
    given = [step.given.gradients for step in run.steps if step.given]
    if any(np.any(each[path] != 0) for each in given for path in staying & each.keys()):
        return frozenset()
    loss: _Loss = functools.partial(first_loss, trainer, problem, shared=shared)
    differ = functools.partial(_differ, loss, is_always_given_one_batch(problem))
    plain = loss(frozenset(), keep)
    if given:
        idle = frozenset(path for path in staying if not _matters_alone(differ, path))
    elif all(loss(frozenset({path}), change) == plain for path in staying for change in _ALONE):
        idle = staying
    else:
        return frozenset()
    if plain is None or not _can_lower(loss, plain, idle):
        return frozenset()
    return frozenset(path for path in idle if _takes_part(differ, path, idle))


def _can_lower(loss: _Loss, plain: float, leaves: frozenset[Path]) -> bool:
    """Tell whether other values of some leaves make the loss smaller by more than rounding."""
    losses = (loss(leaves, change) for change in _NEARBY)
    return any(each is not None and each < plain - TELLING * abs(plain) for each in losses)


def _matters_alone(differ: _Differ, path: Path) -> bool:
    """Tell whether other values of one leaf change the loss, also where nobody can tell."""
    as_it_is = (frozenset[Path](), keep)
    return any(differ(as_it_is, (frozenset({path}), change)) is not False for change in _ALONE)


def _takes_part(differ: _Differ, path: Path, idle: frozenset[Path]) -> bool:
    """Tell whether the loss with other values of all idle leaves depends on those of this one."""
    return any(differ((idle, change), (idle - {path}, change)) for change in _NEARBY)


def _differ(loss: _Loss, one_batch: bool, one: _Changed, other: _Changed) -> bool | None:
    """Tell whether two changes of weights make losses that differ, other than by a penalty on the
    weights if there is not but `one_batch`; None where a loss is not known.
    """
    batches = (1,) if one_batch else (1, 2)
    pairs = [[_number(loss(*change, batch)) for change in (one, other)] for batch in batches]
    if np.isnan(pairs).any():
        return None
    return differs(*pairs[0]) and (one_batch or not are_alike(*pairs))


def _number(loss: float | None) -> float:
    return math.nan if loss is None else loss
