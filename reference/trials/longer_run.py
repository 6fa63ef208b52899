"""Trains for longer than a problem says, and tells which leaves do not train all the while."""

from __future__ import annotations

import functools
from dataclasses import replace

from ..observation.compilations import forget_programs
from ..observation.decay import moves_otherwise
from ..observation.trainer_run import run_trainer
from ..observation.trajectory import Trajectory
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path
from ..subjects.trainer import Trainer

#: Steps after which a leaf has trained if it ever does, also behind `MultiSteps` or a warm-up.
PATIENCE = 40


def longer(problem: TrainingProblem) -> TrainingProblem:
    """Return the problem with many more steps.

    A leaf that was unfrozen is examined unfrozen: a frozen norm uses kept statistics, and a bias
    before it matters then; the statistics of a single row cancel it.
    """
    thawed = ("unfreeze",) if "unfreeze" in problem.actions else ()
    return replace(problem, actions=(*thawed, *("step",) * PATIENCE))


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
