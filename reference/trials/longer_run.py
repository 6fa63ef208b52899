"""Trains for longer than a problem says, and tells which leaves do not train all the while."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from ..observation.compilations import forget_programs
from ..observation.decay import moves_otherwise
from ..observation.trainer_run import run_trainer
from ..observation.trajectory import Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.comparison import changes
from ..pytrees.paths import Path
from ..subjects.trainer import Trainer
from .other_weights import begin, keep, to_the_thaw

#: Steps after which a leaf has trained if it ever does, also behind `MultiSteps` or a warm-up.
PATIENCE = 40
#: Steps after which a leaf moves if it ever does, also behind a long `MultiSteps`. One of a large
#: program may take a tenth of a second, and a verdict must not end as a hang.
MOST_PATIENCE = 200


def longer(problem: TrainingProblem, steps: int = PATIENCE) -> TrainingProblem:
    """Return the problem with many more steps.

    A leaf that was unfrozen is examined unfrozen, after the steps before that: a frozen norm uses
    kept statistics, and a bias before it matters then; the statistics of a single row cancel it.
    """
    return replace(problem, actions=(*to_the_thaw(problem), *("step",) * steps))


@functools.lru_cache(maxsize=4)  # all leaves that did not move are looked at in the same runs
def run_again(trainer: Trainer, problem: TrainingProblem, *, shared: bool) -> Trajectory:
    """Return a run of the problem; by a shared program most leaves are seen to move, and what
    accuses is the program as it is.
    """
    forget_programs()
    return run_trainer(trainer, problem, shared=shared, predicted=False)


def stays(run: Trajectory, path: Path) -> bool:
    """Tell whether no step of a run moved a leaf but by a decay; not if the run ended before."""
    if not run.steps or run.raised is not None:
        return False
    return not any(moves_otherwise(step, path) for step in run.steps)


def moved_in_the_end(trainer: Trainer, problem: TrainingProblem) -> frozenset[Path]:
    """Return the leaves that very many steps move and leave finite; raises what a step does."""
    training = begin(trainer, problem, (), keep)
    before = training.moment().params
    for number in range(1, MOST_PATIENCE + 1):
        training.step(problem.batch(number))
    after = training.moment().params
    moved = (
        change.path for change in changes(before, after, before.keys() & after.keys(), "value")
    )
    return frozenset(path for path in moved if np.isfinite(after[path].array.astype(float)).all())
