"""Whether the layers of an exercise have changed places: the first trains, and the head stays."""

from __future__ import annotations

import numpy as np

from ....reference.observation.exercise_run import Call, call_exercise
from ....reference.oracles.exercise_oracle import oracle_of
from ....reference.subjects.exercise import Exercise
from ...laws.exercise_updates import observed_move, recognise_layers
from ...laws.law import Inconclusive, Law
from .reason import INVERTED, Reason

#: How much of a step its rounding, and that of its gradient, may be.
_ROUGHLY = 1e-3
_TOLD = "the mask is inverted: in the updates the first layer takes the step, and the head stays"


def exchanged_layers(law: Law, subject: Exercise, call: Call) -> Reason | None:
    """Say so where the updates show it, for a law that the exchange alone refutes.

    The three numbers do not tell a head that stays from one that trains. In the updates of the same
    call each leaf of the first layer takes the step of its gradient then, and no leaf of the head
    moves: its bias, which begins as zero, would by the smallest step. And the answer has another
    norm than that of the initial kernel: what is put back again does not train.
    """
    oracle = oracle_of(call.problem)
    if law.guarantee == "computes" or oracle.kernel_norm.allows(call.norm_after):
        return None
    watched = call_exercise(subject, call.problem, watched=True)
    try:
        first, head = recognise_layers(watched)
        paths = [path for path in (*first, *head) if path is not None]
        if len(paths) < 4:
            return None
        kernel, bias, *others = (observed_move(watched, path)[0] for path in paths)
    except Inconclusive:  # no such updates were seen
        return None
    steps = (-call.problem.learning_rate * each for each in oracle.unfrozen_gradients)
    if any(moved.any() for moved in others) or not all(map(_is_step, (kernel, bias), steps)):
        return None
    return Reason(INVERTED, _TOLD, frozenset(paths))


def _is_step(moved: np.ndarray, step: np.ndarray) -> bool:
    largest = np.abs(step).max()
    return bool(largest and np.allclose(moved, step, _ROUGHLY, _ROUGHLY * largest))
