"""Trainers under test: code that creates a model and its optimizer, and trains it step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Self

from ..problems.batches import Batch
from ..problems.training_problem import TrainingProblem
from ..pytrees.following import Following, UnusableCopies, read_copies
from ..pytrees.paths import Frozen, Path, matches
from ..pytrees.phases import Phases, beginnings, has_phases
from ..pytrees.snapshot import Leaf, snapshot
from .capability import Capability
from .signatures import UnusableSubject, require_call, require_collection, unknown_argument
from .targets import DEFAULT_PROMISE
from .training import Training

Function = Callable[..., Any]
#: The capabilities that a keyword of the same name gives.
_BY_KEYWORD = (
    Capability.LOSS,
    Capability.REFREEZE,
    Capability.COPIES,
    Capability.INITIAL,
    Capability.SKIPS,
)


@dataclass(frozen=True, eq=False)
class Trainer:
    """The fields and checks that all trainers share; each says how its functions are called."""

    create: Function
    train_step: Function
    #: Path prefixes compared segment by segment, such as ("encoder/block_1",), or a predicate. It
    #: has to be said: `frozen=()` for a training in which nothing is frozen. A function whose
    #: argument is called `step` returns what is frozen in that step, counted from 1.
    frozen: Frozen | Phases = None  # type: ignore[assignment]
    predict: Function | None = None
    #: "mse" or a NumPy callable `loss(prediction, y)`: without it no law judges the loss.
    loss: str | Function | None = None
    params: Function | None = None
    with_params: Function | None = None
    opt_state: Function | None = None
    model_state: Function | None = None
    refreeze: Function | None = None
    #: A Hypothesis strategy of batches (anything with `.x` and `.y`), for a model of other inputs.
    batches: Any = None
    #: Tells of a step before it is taken whether it has to be skipped: to change nothing.
    skips: Function | None = None
    #: Leaves that frozen ones have to begin with, by the names of the parameters: a pytree, or a
    #: function that returns one.
    initial: Any = None
    #: The program's own checkpoint, into a folder and back into a training that has just begun.
    save: Function | None = None
    load: Function | None = None
    #: Which leaves of the state follow which others: {pattern: pattern}, or {pattern: (pattern,
    #: rate)} for those that go only this part of the way in each step.
    copies: Mapping[str, Any] | None = None
    #: Under which optimizers it promises to freeze: "common", "all", or a strategy.
    optimizers: Any = "common"
    promise: Collection[str] = DEFAULT_PROMISE
    #: How many steps a run may take; by default mostly 1 to 4 of those in which leaves move, and
    #: some 8, 16 or 64.
    steps: Collection[int] | None = None

    kind: ClassVar[str] = "trainer"
    #: The ways to call each function, by its name; one of them has to bind.
    _calls: ClassVar[dict[str, tuple[str, ...]]]

    def __new__(cls, *args: Any, **keywords: Any) -> Self:
        """Answer a keyword that it does not take by those that it takes."""
        taken = [each.name for each in fields(cls)]
        for given in keywords:
            if given not in taken:
                raise UnusableSubject(unknown_argument(cls.__name__, given, taken))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, calls in self._calls.items():
            function = getattr(self, name)
            if function is not None or name in ("create", "train_step"):
                require_call(function, f"`{name}`", *calls)
        if not (self.loss is None or self.loss == "mse" or callable(self.loss)):
            raise UnusableSubject(f"`loss` must be 'mse' or a NumPy callable, got {self.loss!r}")
        if callable(self.loss):
            require_call(self.loss, "`loss`", "loss(prediction, y)")
        if (self.save is None) != (self.load is None):
            raise UnusableSubject("`save` and `load` go together: give both, or none of them")
        require_collection("promise", self.promise)
        if self.steps is not None and not _are_numbers_of_steps(self.steps):
            raise UnusableSubject(
                f"`steps` must be numbers of steps, such as (1, 8), got {self.steps!r}"
            )
        if has_phases(self.frozen) and self.refreeze is not None:
            raise UnusableSubject(
                "`refreeze` and a `frozen` that depends on the step both say what is frozen: give "
                "one of them"
            )
        try:
            for frozen in self.phases.values() if self.frozen is not None else ():
                matches(("a", "leaf"), frozen) if not callable(frozen) else None
            read_copies(self.copies or {})
        except (TypeError, UnusableCopies) as error:
            raise UnusableSubject(str(error)) from None

    @cached_property
    def phases(self) -> Mapping[int, Frozen]:
        """All that is frozen in some step of the longest run, by the first step in which it is."""
        return beginnings(self.frozen, self.steps or ())

    @cached_property
    def beginning(self) -> Mapping[Path, Leaf]:
        """The leaves of `initial` by their paths; raises what a function raises that returns it."""
        leaves = self.initial() if callable(self.initial) else self.initial
        return {} if leaves is None else snapshot(leaves)

    @property
    def following(self) -> tuple[Following, ...]:
        """What `copies` says."""
        return read_copies(self.copies or {})

    @abstractmethod
    def begin(self, seed: int, batch: Batch, optimizer: Any) -> Training:
        """Create the model and its optimizer."""

    def read_problem(self, record: Any) -> TrainingProblem:
        """Return the problem of a record."""
        return TrainingProblem.read(record)

    @property
    def declared(self) -> frozenset[Capability]:
        """The capabilities that its keywords give it, before a trial run."""
        can = {Capability.TREE, Capability.TRAINER, Capability.OPTIMIZER}
        can |= {each for each in _BY_KEYWORD if getattr(self, each) is not None}
        if self.loss == "mse":
            can.add(Capability.MSE)
        if self.batches is None:
            can.add(Capability.ROWS)
        return frozenset(can)

    def trainer_for(self, problem: TrainingProblem) -> Trainer:
        """Return itself: it trains one architecture, whatever the problem."""
        del problem
        return self


def _are_numbers_of_steps(steps: Any) -> bool:
    """Tell whether this is a collection of one number or more, all positive."""
    if not isinstance(steps, Collection) or not len(steps):
        return False
    return all(isinstance(number, int) and number > 0 for number in steps)
