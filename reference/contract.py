"""What can be put under test: code that freezes, in the kinds that frostproof knows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from .ended import let_through
from .exercise import Api, Batch, Call, ExerciseProblem, read_answer
from .watching import watching_updates


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
        if not binds(self.fn, 4):
            raise UnusableSubject(
                f"an exercise is called as fn(seed, x, y, lr): {signature_of(self.fn)} does not "
                "take four positional arguments"
            )

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


def signature_of(fn: Callable[..., Any]) -> str:
    """Show a callable with its arguments, for a message."""
    name = getattr(fn, "__name__", type(fn).__name__)
    try:
        return f"{name}{inspect.signature(fn)}"
    except (TypeError, ValueError):
        return name
