"""What can be put under test: code that freezes, in the kinds that frostproof knows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from ..observation.update_hooks import watching_updates
from ..problems.exercise_problem import Api, Batch, Call, ExerciseProblem, read_answer
from .user_errors import let_through


class UnusableSubject(ValueError):
    """The code cannot be judged: it is of no known kind, or its arguments do not bind."""


@dataclass(frozen=True)
class Exercise:
    """A function `fn(seed, x, y, lr) -> [loss, norm after, norm before]`, for one of two models.

    `api="linen"`: x (N, D), y (N,), the first `Dense` of Dense(8), relu, Dense(1) is frozen.
    `api="nnx"`: x (N, in), y (N, out), `l1` of Linear(in, 4), relu, Linear(4, out) is frozen.
    Raises `UnusableSubject` where `fn` does not take four positional arguments.
    """

    fn: Callable[[float, Any, Any, float], Any]
    api: Api = "linen"

    def __post_init__(self) -> None:
        if self.api not in get_args(Api):
            raise UnusableSubject(f"`api` must be 'linen' or 'nnx', got {self.api!r}")
        require_call(self.fn, "an exercise", "fn(seed, x, y, lr)")

    @property
    def kind(self) -> str:
        """The word that `--as` takes for it."""
        return self.api

    #: What laws may need of it; `needs` in the law book.
    abilities = frozenset({"exercise"})
    #: An exercise claims all that its laws say.
    promise = ("selected", "bits", "inert", "isolated")

    def read_problem(self, record: Any) -> ExerciseProblem:
        """Return the problem of a record; raises `TypeError` where it is none for this API."""
        problem = ExerciseProblem(**record)
        if problem.api != self.api:
            raise TypeError(f"it is about {problem.api}, and the target is {self.api}")
        return problem

    def run(self, problem: ExerciseProblem, *, watched: bool = False) -> Call:
        """Call the function on the problem's batch; with `watched`, observe its updates."""
        batch = problem.batch()
        x_bytes, y_bytes = batch.x.tobytes(), batch.y.tobytes()
        call = Call(problem, again=lambda: self._call(problem, problem.batch()))
        try:
            if watched:
                with watching_updates() as updates:
                    returned = self._call(problem, batch)
                call.updates = tuple(updates)
            else:
                returned = self._call(problem, batch)
            call.answer, call.malformed = read_answer(returned)
        except BaseException as error:
            let_through(error)
            call.raised = error
        call.inputs_kept = batch.x.tobytes() == x_bytes and batch.y.tobytes() == y_bytes
        return call

    def _call(self, problem: ExerciseProblem, batch: Batch) -> Any:
        return self.fn(float(problem.seed), batch.x, batch.y, float(problem.learning_rate))


def binds(fn: Callable[..., Any], count: int) -> bool:
    """Tell whether a callable takes this many positional arguments."""
    try:
        inspect.signature(fn).bind(*range(count))
    except (TypeError, ValueError):  # ValueError: a builtin without a signature
        return False
    return True


def require_call(fn: Any, name: str, *calls: str) -> None:
    """Raise `UnusableSubject` where a function cannot be called in any of the ways shown.

    A callable of C may hide its signature: it is taken as it is.
    """
    said = f"{name} is called as {' or '.join(calls)}"
    if not callable(fn):
        raise UnusableSubject(f"{said}: {fn!r} is no function")
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return
    counts = [call.count(",") + 1 for call in calls]
    if any(binds(fn, count) for count in counts):
        return
    try:
        signature.bind(*range(counts[0]))
    except TypeError as error:
        raise UnusableSubject(
            f"{said}: {signature_of(fn)} does not take {_NUMBERS[counts[0]]} positional argument"
            f"{'s' * (counts[0] > 1)} ({error})"
        ) from None


def require_collection(name: str, value: Any) -> None:
    """Raise `UnusableSubject` for a string where a collection of strings belongs."""
    if isinstance(value, str):
        raise UnusableSubject(
            f"`{name}` must be a collection of names, got {value!r}: ({value!r},)"
        )


_NUMBERS = ("no", "one", "two", "three", "four")


def signature_of(fn: Callable[..., Any]) -> str:
    """Show a callable with its arguments, for a message."""
    name = getattr(fn, "__name__", type(fn).__name__)
    try:
        return f"{name}{inspect.signature(fn)}"
    except (TypeError, ValueError):
        return name
