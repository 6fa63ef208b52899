"""Optax wrappers under test: `fn(optimizer, mask) -> optimizer`, where True in the mask freezes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ..problems.wrapper_problem import TreeProblem
from .capability import POSSIBLE
from .signatures import require_call, require_collection
from .targets import DEFAULT_PROMISE


@dataclass(frozen=True, eq=False)
class OptaxFreeze:
    """An Optax wrapper: a function that keeps an optimizer from moving some leaves.

    Args:
        fn: called as `fn(optimizer, mask)`; it returns an Optax transformation. `mask` is a tree of
            bools like the parameters, True = frozen.
        optimizers: under which optimizers it promises to freeze: "common", "all",
            `frostproof.Optimizers`, or a Hypothesis strategy of Optax transformations.
        promise: the guarantees that it claims.

    Raises:
        UnusableSubject: where `fn` does not take two positional arguments.
    """

    fn: Callable[[Any, Any], Any]
    optimizers: Any = "common"
    promise: Collection[str] = DEFAULT_PROMISE

    kind = "optax"
    declared = POSSIBLE[kind]

    def __post_init__(self) -> None:
        require_call(self.fn, "an Optax wrapper", "fn(optimizer, mask)")
        require_collection("promise", self.promise)

    def read_problem(self, record: Any) -> TreeProblem:
        """Return the problem of a record."""
        return TreeProblem.read(record)


class GuessedWrapper(OptaxFreeze):
    """A function that is taken for a wrapper because it takes two arguments: nobody said so."""
