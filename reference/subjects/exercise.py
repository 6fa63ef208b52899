"""Exercises under test: `fn(seed, x, y, lr) -> [loss, norm after, norm before]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from ..problems.exercise_problem import Api, ExerciseProblem
from .capability import Capability
from .signatures import UnusableSubject, require_call


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise: one SGD step of a small network whose first layer is frozen.

    Args:
        fn: called as `fn(seed, x, y, lr)`. `seed` is a float with an integral value in uint32, `lr`
            a float, `x` and `y` are float32 NumPy arrays. It returns three floats: the loss before
            the step, the norm of the frozen kernel after it, and the norm before it.
        api: the model. "linen": x (N, D), y (N,), the first `Dense` of Dense(8), relu, Dense(1) is
            frozen. "nnx": x (N, in), y (N, out), `l1` of Linear(in, 4), relu, Linear(4, out) is
            frozen.

    Raises:
        UnusableSubject: where `fn` does not take four positional arguments, or `api` is unknown.
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

    declared = frozenset({Capability.EXERCISE})
    #: An exercise promises all guarantees that its laws are about.
    promise = ("selected", "bits", "inert", "isolated")

    def read_problem(self, record: Any) -> ExerciseProblem:
        """Return the problem of a record; raises `TypeError` where it is for another API."""
        problem = ExerciseProblem(**record)
        if problem.api != self.api:
            raise TypeError(f"the problem is about {problem.api}, and the target is {self.api}")
        return problem
