"""Calls an exercise, and keeps the call: the answer, the inputs, the observed updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..problems.exercise_problem import Batch, ExerciseProblem
from ..pytrees.articles import a_type_of
from ..subjects.exercise import Exercise
from ..subjects.user_errors import error_text, let_through, printable
from .update_hooks import ObservedUpdate, watching_updates


@dataclass
class Call:
    """One call of an exercise.

    `answer` is the returned value as a NumPy array, or None with the reason in `malformed`.
    """

    problem: ExerciseProblem
    answer: np.ndarray | None = None
    malformed: str | None = None
    raised: BaseException | None = None
    inputs_kept: bool = True
    updates: tuple[ObservedUpdate, ...] = ()
    #: Repeats the call, for a law that has to look closer.
    again: Callable[[], Any] | None = field(default=None, repr=False)

    @property
    def loss(self) -> float:
        """The reported loss before the step."""
        return self._number(0)

    @property
    def norm_after(self) -> float:
        """The reported norm of the frozen kernel after the step."""
        return self._number(1)

    @property
    def norm_before(self) -> float:
        """The reported norm of the frozen kernel before the step."""
        return self._number(2)

    def _number(self, index: int) -> float:
        assert self.answer is not None, "laws look at answers of the right shape only"
        return float(self.answer[index])

    def restores(self, path: tuple[str, ...]) -> bool:
        """Tell whether the program undoes an observed move of the leaf at `path`."""
        from ..observation.undone_updates import (
            restores,
        )  # here, since a law book is read without loading JAX

        return self.again is None or restores(self.again, path)


def read_answer(returned: Any) -> tuple[np.ndarray | None, str | None]:
    """Return the answer as a real floating array (3,) and None, or None and why it is not one."""
    try:
        answer = np.asarray(returned)
    except Exception as error:
        return None, f"{a_type_of(returned)} that NumPy cannot convert ({error_text(error)})"
    # ml_dtypes' bfloat16 is not a subtype of np.floating, but its finfo knows it.
    if answer.dtype.kind != "f" and answer.dtype.name != "bfloat16":
        return None, f"{_shown(returned)}, of dtype {answer.dtype}"
    if answer.shape != (3,):
        return None, f"{_shown(returned)}, of shape {answer.shape}"
    return answer.astype(np.float64), None


def _shown(value: Any) -> str:
    try:
        text = printable(repr(value))
    except Exception as error:  # an integer of more digits than Python prints
        text = f"{a_type_of(value)} that cannot be printed ({error_text(error)})"
    return text if len(text) <= 60 else text[:57] + "..."


def call_exercise(exercise: Exercise, problem: ExerciseProblem, *, watched: bool = False) -> Call:
    """Call an exercise on a problem's batch.

    Args:
        exercise: the exercise.
        problem: its arguments.
        watched: observe the updates that the exercise makes.

    Returns:
        The call, which keeps an exception of the exercise.
    """

    def answer_to(batch: Batch) -> Any:
        return exercise.fn(float(problem.seed), batch.x, batch.y, float(problem.learning_rate))

    batch = problem.batch()
    x_bytes, y_bytes = batch.x.tobytes(), batch.y.tobytes()
    call = Call(problem, again=lambda: answer_to(problem.batch()))
    try:
        if watched:
            with watching_updates() as updates:
                returned = answer_to(batch)
            call.updates = tuple(updates)
        else:
            returned = answer_to(batch)
        call.answer, call.malformed = read_answer(returned)
    except BaseException as error:
        let_through(error)
        call.raised = error
    call.inputs_kept = batch.x.tobytes() == x_bytes and batch.y.tobytes() == y_bytes
    return call
