"""Finds the cause of a counterexample: why a leaf moved, stayed or appeared, or what raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ....reference.observation.exercise_run import Call
from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.optimizer import Optimizer
from ....reference.pytrees.comparison import same_value
from ....reference.pytrees.paths import path_text
from ....reference.subjects.exercise import Exercise
from ....reference.subjects.protocols import TrainerSource
from ...laws.law import Law, Refutation, SubjectRaised
from ...laws.trainable_leaves import FROM_ITS_START, ON_ANY_BATCH
from ..raising import raises_under
from .copies import reason_of_copy
from .exchanged_layers import exchanged_layers
from .inversion import inversion
from .movement import all_frozen, all_moved, moved_leaves, reasons_to_move
from .reason import ADDED_ZERO, Reason, extent
from .reruns import run_under, settings_of
from .statistics import reason_of_statistic, statistic_of
from .stillness import (
    reason_of_deadlock,
    reason_of_late_thaw,
    reason_on_any_batch,
    reasons_to_stay,
)

#: The guarantees whose laws say that frozen leaves stay, and a law of another that says so, too.
_OF_FROZEN_LEAVES = ("selected", "norm", "value", "bits")
_OF_COUPLED_LEAVES = "frozen-under-coupled-overflow"

_NO_LOSS = Reason(
    "no loss",
    "it returns None, metrics or several numbers in the place of the loss: without `loss=` the "
    "freeze is judged all the same",
)


def cause_of(law: Law, subject: Any, calls: Sequence[Any], found: Refutation) -> Reason | None:
    """Say which leaves moved and what moves them, as far as other runs of the same problem show.

    Where the subject raised, say under which optimizers it does. Returns None for laws about
    something else, and where nothing is known.
    """
    if isinstance(calls[0], Call) and isinstance(subject, Exercise):
        return exchanged_layers(law, subject, calls[0])
    if not isinstance(calls[0], Trajectory):
        return None
    trajectory: Trajectory = calls[0]
    if isinstance(found, SubjectRaised):  # a step, or what is done with the training beside it
        return raises_under(subject, trajectory) if trajectory.raised is not None else None
    if found.facts.get("leaf") == "loss" and found.facts.get("observed", 0) is None:
        return _NO_LOSS
    if isinstance(subject, TrainerSource):  # a reference makes one for each network
        subject = subject.trainer_for(trajectory.problem)
    if (statistic := statistic_of(trajectory, found.facts.get("leaf"))) is not None:
        return reason_of_statistic(subject, trajectory, statistic)
    told = _reason_of_facts(subject, trajectory, found.facts)
    if told is None and trajectory.steps:
        told = inversion(law, subject, calls, found)
    if told is not None:
        return told
    if law.over_the_run and "path" in found.facts and trajectory.steps:
        staying = calls[found.facts.get("run", 0)]
        if found.facts["path"] not in staying.first.params:
            return None
        return next(reasons_to_stay(subject, staying, found.facts["path"]), None)
    if law.id == "copies-follow":
        return reason_of_copy(trajectory, found.facts)
    if law.id == "frozen-gradients-do-not-leak":
        return _reason_of_movement_before(law, subject, trajectory, calls[1], found.facts)
    if law.id == "frozen-structure":
        return _untied(subject, trajectory)
    if law.guarantee in _OF_FROZEN_LEAVES or law.id == _OF_COUPLED_LEAVES:
        return _reason_to_move(law, subject, trajectory, found.facts.get("leaf"))
    if (moved := found.facts.get("moved")) is not None:  # by which its copy is off
        return _reason_to_move(law, subject, trajectory, moved)
    return None


def _reason_of_facts(
    subject: Any, trajectory: Trajectory, facts: Mapping[str, Any]
) -> Reason | None:
    """Say why where the facts of a refutation name what to look at, whatever the law."""
    if facts.get("how") == FROM_ITS_START:
        return reason_of_deadlock(subject, trajectory)
    if facts.get("how") == ON_ANY_BATCH:
        return reason_on_any_batch(subject, trajectory)
    if (thaw := facts.get("thaw")) is not None:
        return reason_of_late_thaw(trajectory, thaw)
    return None


def _reason_to_move(
    law: Law, subject: Any, trajectory: Trajectory, leaf: str | None
) -> Reason | None:
    """Say why a frozen leaf moves, and which others move beside it."""
    steps = [each for each in trajectory.steps if moved_leaves(each)]
    if not steps:
        return None if law.guarantee == "selected" else _only_bits(trajectory)
    path = next((p for p in moved_leaves(steps[0]) if path_text(p) == leaf), None)
    if path is None:
        return None
    reason = next(reasons_to_move(subject, trajectory, steps[0], path), Reason("unknown", ""))
    told = extent(all_moved(trajectory), all_frozen(trajectory), "frozen", "move")
    parts = (reason.text, told and told + _zeros(trajectory), reason.hint)
    text = "; ".join(filter(None, parts))
    return replace(reason, text=text) if text else None


def _reason_of_movement_before(
    law: Law, subject: Any, plain: Trajectory, disturbed: Trajectory, facts: Mapping[str, Any]
) -> Reason | None:
    """Say so where disturbed gradients move a frozen leaf in a step before the one in which a
    trainable leaf differs: that is what the loss, and so the other gradients, differ by.
    """
    for step, other in zip(plain.steps, disturbed.steps, strict=False):
        if step.number >= facts["step"]:
            break
        for path in moved_leaves(other):
            if not same_value(step.after.params[path].array, other.after.params[path].array):
                reason = _reason_to_move(law, subject, disturbed, path_text(path))
                text = f"{path_text(path)}, a frozen leaf, moves first"
                return reason and replace(reason, text=f"{text}: {reason.text}")
    return None


def _zeros(trajectory: Trajectory) -> str:
    """Say so where frozen leaves stay that are zero, which a decay does not show on."""
    first, moved = trajectory.first.params, all_moved(trajectory)
    still = [first[path].array for path in all_frozen(trajectory) - moved if path in first]
    if not still or any(np.any(leaf != 0) for leaf in still):
        return ""
    return ", the other is zero" if len(still) == 1 else ", the others are zero"


def _untied(subject: Any, trajectory: Trajectory) -> Reason | None:
    """Say which leaf a leaf that appears in a step is a copy of: it was the same leaf before."""
    problem = trajectory.problem
    if not isinstance(problem.optimizer, Optimizer):
        return None
    steps: Sequence[Step] = trajectory.steps
    if "learning_rate" in settings_of(problem.optimizer):
        steps = run_under(subject, problem, problem.optimizer.at_rate(0.0)) or steps
    for step in steps:
        before, after = step.before.params, step.after.params
        for path in sorted(after.keys() - before.keys()):
            for other in sorted(before):
                if same_value(after[path].array, before[other].array):
                    return Reason(
                        "untied",
                        f"it was another name of {path_text(other)}, to which it was tied: a "
                        "module that goes through `jax.jit` as a tree comes back with two leaves; "
                        "split it by `nnx.split`, or use `nnx.jit`",
                        frozenset({path}),
                    )
    return None


def _only_bits(trajectory: Trajectory) -> Reason | None:
    """Say what became of leaves that kept their values and lost their bits."""
    lost = {
        path
        for step in trajectory.steps
        for path in step.frozen & step.after.params.keys()
        if _loses_bits(step.before.params[path].array, step.after.params[path].array)
    }
    if not lost:
        return None
    text = "something is added, even if zero: −0.0 + 0.0 is +0.0, a subnormal becomes 0"
    return Reason(ADDED_ZERO, text, frozenset(lost))


def _loses_bits(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape == after.shape and before.tobytes() != after.tobytes()
