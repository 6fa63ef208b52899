"""The protocol of a training that is under way, and which of its leaves are frozen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import numpy as np

from ..problems.batches import Batch
from ..pytrees.paths import (
    Frozen,
    Path,
    UnmatchedPattern,
    matches,
    named_leaves,
    path_text,
    select,
)
from ..pytrees.phases import at_step, has_phases
from ..pytrees.snapshot import PYTHON_NUMBERS, holds_numbers
from .moment import Moment


class Training(Protocol):
    """One training that is under way: a trainer has begun it, and it holds the state."""

    #: The trainer that began it.
    trainer: Any
    #: Where in `everything` the paths begin that the program knows.
    roots: ClassVar[tuple[Path, ...]]

    @abstractmethod
    def params(self) -> Any:
        """Return the parameters, a pytree."""

    @abstractmethod
    def other_names(self) -> Mapping[Path, Path]:
        """Return tied weights by the names that they have beside their path in the parameters."""

    @abstractmethod
    def normalised(self) -> frozenset[Path]:
        """Return the parameters that their layer normalises in place, each time it is called."""

    @abstractmethod
    def set_params(self, params: Any) -> None:
        """Put other parameters of the same structure in their place; raises where there is no way,
        and changes nothing then.
        """

    @abstractmethod
    def step(self, batch: Batch) -> Any:
        """Train on a batch, and return the loss that the program reports."""

    @abstractmethod
    def opt_state(self) -> Any:
        """Return the optimizer's state, or None where it cannot be found."""

    @abstractmethod
    def model_state(self) -> Any:
        """Return the statistics of layers, or None where the model has none."""

    @abstractmethod
    def everything(self) -> Any:
        """Return everything that the training carries from step to step, as a pytree."""

    @abstractmethod
    def set_everything(self, state: Any) -> None:
        """Put another state of the same structure in its place."""

    @abstractmethod
    def replace_static(self, known: Callable[[Any], Any]) -> None:
        """Put what `known` makes of them in the place of static parts: functions, structures."""

    @abstractmethod
    def moment(self) -> Moment:
        """Return snapshots of the training as it is now."""

    @abstractmethod
    def skips(self, batch: Any) -> bool:
        """Tell whether the program says that a step on this batch has to be skipped."""

    @abstractmethod
    def write(self, folder: str) -> None:
        """Save by the program's own function, into a folder."""

    @abstractmethod
    def read(self, folder: str) -> None:
        """Restore by the program's own function, into a training that has just begun."""

    @abstractmethod
    def save(self) -> Any:
        """Return a copy of everything to go back to, static parts included."""

    @abstractmethod
    def restore(self, saved: Any) -> None:
        """Go back to a saved copy."""

    @abstractmethod
    def split(self) -> tuple[Any, Any]:
        """Return everything as a pytree that JAX can trace, and what else it takes to go on."""

    @abstractmethod
    def merge(self, state: Any, rest: Any) -> None:
        """Go on with what was split; its state may be traced."""

    @abstractmethod
    def carries_all(self) -> bool:
        """Tell whether `everything` is all, and no object of the user's holds further state."""

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """Return the model's prediction."""

    @abstractmethod
    def traceable(self) -> Callable[[Any], Any]:
        """Return `predict` as a function that JAX can trace without changing the training."""

    @abstractmethod
    def refreeze(self, frozen: tuple[str, ...]) -> None:
        """Freeze these leaves from now on, and no others."""


def copy_arrays(state: Any) -> Any:
    """Copy a state's arrays, keys among them, so that no later step donates or changes them.

    A reference, in which an NNX variable made with `ref=True` keeps its value, gives that value.
    """

    def copy(leaf: Any) -> Any:
        value = leaf[...] if isinstance(leaf, jax.Ref) else leaf
        return value.copy() if hasattr(value, "copy") else value

    return jax.tree.map(copy, state)


class Selection(NamedTuple):
    """What is frozen."""

    params: frozenset[Path]
    #: Statistics and other model state that patterns name which cover no parameter. What else there
    #: is of a layer follows its parameters.
    statistics: frozenset[Path]


class OtherName(ValueError):
    """A pattern names a tied weight by another name than the one that the parameters have."""

    def __init__(self, pattern: str, path: Path):
        """Keep both names."""
        super().__init__(pattern, path)
        self.pattern = pattern
        self.path = path

    def __str__(self) -> str:
        """Say under which name the weight is known."""
        name = path_text(self.path)
        return (
            f"`{self.pattern}` in `frozen` is another name of `{name}`, to which it is tied: the "
            f"weight is one leaf, so write `{name}`"
        )


class UnshownState(UnmatchedPattern):
    """A pattern names state of the model that is neither a parameter nor shown as a statistic."""

    def __str__(self) -> str:
        """Say which keyword shows such state."""
        first = min(map(path_text, self.paths))
        return (
            f"`{self.pattern}` in `{self.option}` matches no parameter and no statistic, but "
            f"`{first}`: other state of a model is judged where `model_state=` shows it"
        )


def select_frozen(training: Training, step: int = 1) -> Selection:
    """Return what a training's `frozen` names, in a step if it depends on the step; raises as
    `select_named` does, but for a predicate that covers nothing in some steps.
    """
    frozen = at_step(training.trainer.frozen, step)
    try:
        return select_named(training, frozen)
    except UnmatchedPattern:
        if callable(frozen) and has_phases(training.trainer.frozen):
            return Selection(frozenset(), frozenset())
        raise


def select_named(training: Training, frozen: Frozen) -> Selection:
    """Return what `frozen` names in a training.

    Raises:
        UnmatchedPattern: for a pattern, or a predicate, that covers no parameter and no statistic.
        OtherName: for a pattern that covers only the second name of a tied weight.
        TypeError: for a `frozen` that is neither a predicate nor a collection of patterns.
    """
    params = [p for p, leaf in named_leaves(training.params()).items() if _holds_numbers(leaf)]
    patterns: list[Frozen] = [frozen] if callable(frozen) else [[pattern] for pattern in frozen]
    chosen, named = set[Path](), set[Path]()
    for pattern in patterns:
        try:
            chosen |= select(params, pattern)
        except UnmatchedPattern as unmatched:
            found = _statistics(training, pattern)
            if not found:
                raise _explained(training, unmatched) from None
            named |= found
    return Selection(frozenset(chosen), frozenset(named))


def _holds_numbers(leaf: Any) -> bool:
    """Tell whether a leaf is one of numbers, and not a function, a text or an object, which nothing
    trains: a module of Equinox holds its activation.
    """
    dtype = getattr(leaf, "dtype", None)
    if isinstance(dtype, np.dtype):
        return holds_numbers(dtype)
    return dtype is not None or isinstance(leaf, PYTHON_NUMBERS) or hasattr(leaf, "__array__")


def _statistics(training: Training, pattern: Frozen) -> frozenset[Path]:
    try:
        return frozenset(p for p in named_leaves(training.model_state()) if matches(p, pattern))
    except Exception:  # an object of the user's own: laws that look at it say so
        return frozenset()


def _explained(training: Training, unmatched: UnmatchedPattern) -> Exception:
    """Return what to say of a pattern that covers nothing."""
    for other, path in training.other_names().items():
        if matches(other, [unmatched.pattern]):
            return OtherName(unmatched.pattern, path)
    unshown = tuple(path for path in _other_state(training) if matches(path, [unmatched.pattern]))
    return UnshownState(unmatched.pattern, unshown) if unshown else unmatched


def _other_state(training: Training) -> set[Path]:
    """Return, by the paths that the program knows, what a training carries beside parameters and
    the optimizer's state; nothing where that cannot be looked at.
    """
    try:
        trained = [*named_leaves((training.params(), training.opt_state())).values()]
        kept = {id(leaf) for leaf in trained}
        everything = named_leaves(training.everything())
    except Exception:  # an object of the user's own
        return set()
    return {
        path[len(root) :]
        for path, leaf in everything.items()
        for root in training.roots
        if path[: len(root)] == root and id(leaf) not in kept and _holds_numbers(leaf)
    }


def require_own_leaves(shown: Any, own: Any) -> None:
    """Require what `params=` shows to be leaves of the program, under the names that they have in
    it: parts, copies and casts of them would be put beside it.

    Raises:
        TypeError: where some are not.
    """
    known = named_leaves(own)
    if any(known.get(path) is not leaf for path, leaf in named_leaves(shown).items()):
        raise TypeError("what `params=` shows can be put in place by `with_params=` alone")
