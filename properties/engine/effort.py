"""How much to try on one law: examples, seed, time, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis.database import ExampleDatabase

from ...strategies.values import Shape, pool
from ..laws.law import Refutation

#: Hypothesis would shrink for up to 300 s: ten refuted slow laws would take an hour.
SHRINKING_SECONDS = 20.0


@dataclass(frozen=True)
class Effort:
    """How much to try: examples a law, the seed they are drawn from, seconds a law may take."""

    max_examples: int
    seed: int
    seconds: float = 300.0
    #: The shapes that batches are drawn from.
    shapes: tuple[Shape, ...] = field(default_factory=pool)
    #: Seconds for making a counterexample smaller; 0 leaves the first as it is.
    shrinking: float = SHRINKING_SECONDS
    database: ExampleDatabase | None = None
    #: Ask the prover first: a law that it shows for all inputs is drawn only a little.
    proofs: bool = False
    #: Whether a subject that gives no answer is reported by another law of the run.
    reported: bool = True
    #: Told the problems of an example before it runs: a process may die of them.
    begins: Callable[[tuple[Any, ...]], None] = lambda problems: None
    #: Told a failure as it is found: the process may die while it is made smaller.
    fails: Callable[[Refutation, tuple[Any, ...]], None] = lambda found, problems: None
    #: Told the number of judged examples as it grows.
    progress: Callable[[int], None] = lambda examples: None
