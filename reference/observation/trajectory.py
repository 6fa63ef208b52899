"""Trajectories: the run of a subject on a problem, as snapshots before and after each step."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..optimizers.parts import with_parts
from ..optimizers.recorded import Recorded, in_full, merged, recordings, renamed, without
from ..pytrees.comparison import same_value
from ..pytrees.dtypes import is_inexact
from ..pytrees.following import Copy
from ..pytrees.paths import Path
from ..pytrees.snapshot import Leaf, Snapshot
from ..subjects.moment import Moment
from .aliases import known_names

Arrays = Mapping[Path, np.ndarray]
_NOTHING = Snapshot({}, "")
_SOME = np.ones(())


@dataclass
class Step:
    """One step: the moments around it, the leaves that are frozen in it, and its loss."""

    before: Moment
    after: Moment
    frozen: frozenset[Path]
    #: Position among the steps of its trajectory, from 1.
    number: int
    #: Statistics, and other model state, that are frozen in it by name.
    frozen_statistics: frozenset[Path] = frozenset()
    #: The parameters that follow others, and are neither frozen nor trained.
    copies: frozenset[Path] = frozenset()
    #: The parameters that their layer writes anew, normalised, each time it is called.
    normalised: frozenset[Path] = frozenset()
    #: Whether it has to be skipped, as the trainer's `skips` says.
    skipped: bool = False
    #: The reported loss as a number; None where the subject reports none.
    loss: float | None = None
    #: The prediction before the step on its own inputs, where it was asked for, and the targets.
    prediction: Any = None
    #: How far another correct prediction may lie from the prediction, element by element.
    sensitivity: Any = field(default_factory=lambda: np.zeros(()))
    targets: Any = None
    #: Whether training carries random keys: `predict` may not repeat its prediction.
    noisy: bool = False
    half_precision: bool = False
    #: The optimizer in force.
    optimizer: Any = None
    #: Whether the program looks at the state of its optimizer, which is handed over as it is.
    looked_at: bool = False

    @cached_property
    def recordings(self) -> list[tuple[Recorded, int]]:
        """What recorders of the optimizer's state last saw, and how often each was called; of all
        that the training carries where nobody says which part of it that state is.
        """
        states = [each.opt_state or each.rest for each in (self.after, self.before)]
        now, earlier = (recordings(each) if each else [] for each in states)
        if len(now) != len(earlier):
            return []
        return [(a, a.count - b.count) for a, b in zip(now, earlier, strict=True)]

    @cached_property
    def given(self) -> Recorded | None:
        """The arguments of the engine's optimizer in this step, if it was called exactly once, or
        once for each of several groups of leaves, by the whole names of the leaves where it knows
        them by the endings alone, or as parts of larger arrays.
        """
        if any(calls != 1 for _, calls in self.recordings):
            return None
        return merged(self._in_full)

    @cached_property
    def gradients(self) -> Mapping[Path, np.ndarray] | None:
        """The gradients that the engine's optimizer was given in this step, also where it was given
        the same leaf in two groups.
        """
        if any(calls != 1 for _, calls in self.recordings) or not self.recordings:
            return None
        return {path: g for each in self._in_full for path, g in each.gradients.items()}

    @cached_property
    def _in_full(self) -> list[Recorded]:
        """What recorders last saw, by the whole names of the leaves."""
        params = self.before.params
        return [with_parts(in_full(each, params), params) for each, _ in self.recordings]

    @cached_property
    def known(self) -> list[tuple[Path, dict[Path, Path | None]]]:
        """Of each optimizer that was called, where its state is, and the parameters by the names
        under which it was given them, their own included; None where nobody can tell whose a name
        is. Where parts train in turns, the optimizer of one is called, and that of another is not.
        """
        before, after = self.before.params, self.after.params
        found = []
        for each, calls in self.recordings:
            if calls > 0:
                known = known_names(each, before, after, self.frozen)
                found.append((each.place, {name: known.get(name) for name in each.gradients}))
        return found

    @cached_property
    def names(self) -> dict[Path, Path | None]:
        """The same of all of them; None, too, for a name that two of them have for different
        parameters.
        """
        found: dict[Path, Path | None] = {}
        for _, known in self.known:
            found |= {
                name: path if found.get(name, path) == path else None
                for name, path in known.items()
            }
        return found

    @cached_property
    def aliases(self) -> dict[Path, Path]:
        """The parameters by those names that are not their own."""
        return {name: path for name, path in self.names.items() if path not in (None, name)}

    @property
    def _unknown(self) -> set[Path]:
        """The names whose leaves nobody can tell."""
        return {name for name, path in self.names.items() if path is None}

    @cached_property
    def given_by_path(self) -> Recorded | None:
        """What `given` is, by the names of the parameters where the optimizer has others, without
        what only has the name of one.
        """
        if self.given is None:
            return None
        named_alike = self._unknown & self.before.params.keys()
        return renamed(without(self.given, named_alike), self.aliases)

    @cached_property
    def reached(self) -> frozenset[Path]:
        """The leaves whose gradient some optimizer got in this step, whether or not others are
        called, by the names of the parameters.
        """
        calls = (calls for _, calls in self.recordings)
        called = (each for each, times in zip(self._in_full, calls, strict=True) if times)
        names = (path for each in called for path in each.gradients)
        return frozenset(self.aliases.get(name, name) for name in names)

    @cached_property
    def strangers(self) -> frozenset[Path]:
        """The names of arrays, other than parameters, that the optimizer is given: one of these
        may be a part of such an array, also where its numbers do not tell which.
        """
        given = self.given.gradients.keys() if self.given else frozenset[Path]()
        known = self.before.params.keys() | self.aliases.keys()
        return frozenset(given - known | given & self._unknown)

    @property
    def goes_by_other_names(self) -> bool:
        """Whether the optimizer is given, under the name of a frozen leaf, one that trains, or
        nobody knows what: it may be made for a part of the parameters, and name them from there.
        """
        return any(
            name in self.frozen and owner not in self.frozen
            for _, known in self.known
            for name, owner in known.items()
        )

    @property
    def model_state(self) -> tuple[Snapshot, Snapshot]:
        """Statistics, and other state of the model, before the step and after it; empty where there
        is none to be seen.
        """
        return self.before.model_state or _NOTHING, self.after.model_state or _NOTHING

    @property
    def waits(self) -> bool:
        """Whether the engine's optimizer is there, and was not called in this step."""
        return bool(self.recordings) and not any(calls for _, calls in self.recordings)

    @cached_property
    def trainable(self) -> frozenset[Path]:
        """The leaves of floating numbers that are not frozen, and do not follow others."""
        floats = {path for path, leaf in self.before.params.items() if is_inexact(leaf.array.dtype)}
        return frozenset(floats - self.frozen - self.copies)


@dataclass
class Trajectory:
    """The run of a subject on one problem; its steps end where the subject raised."""

    problem: Any
    steps: list[Step] = field(default_factory=list)
    #: "mse", or a NumPy callable of prediction and targets; None where none was declared.
    declared_loss: Any = None
    #: The reference trainer that ran it, for laws that compare it with others.
    origin: Any = None
    raised: BaseException | None = None
    #: Which part of the subject was at work last, such as "`create`" or "step 2".
    at_work: str = "step 1"
    #: Why the returned value cannot be read, if it cannot.
    malformed: str | None = None
    batch_kept: bool = True
    #: The leaves that the subject freezes, unless an action says otherwise.
    chosen: frozenset[Path] = frozenset()
    #: What frozen leaves are declared to begin with.
    initial: Mapping[Path, Leaf] = field(default_factory=dict)
    #: The leaves of `rest` that have to follow others.
    copies: tuple[Copy, ...] = ()
    #: Leaves that were trained although no call to differentiate by them was seen, so that the
    #: gradients of frozen ones were not disturbed where they are taken.
    unseen: frozenset[Path] = frozenset()
    #: The leaves that calls to differentiate by them were seen of, where gradients are disturbed.
    differentiated: frozenset[Path] | None = None
    #: How often XLA compiled something in each step.
    compilations: list[int] = field(default_factory=list)
    #: Whether it ran by the program of an earlier training, made of the same (`shared_programs`).
    shared: bool = False
    #: Whether predictions were made, where the subject can make them.
    predicted: bool = True

    @cached_property
    def trained(self) -> bool:
        """Whether anything was trained: a trainable leaf moved, or the optimizer was called."""
        return any(
            step.given is not None
            or any(
                not same_value(step.before.params[path].array, step.after.params[path].array)
                for path in step.trainable
                if path in step.after.params
            )
            for step in self.steps
        )

    @cached_property
    def nbytes(self) -> int:
        """The bytes of the arrays that it holds, with those of a batch that was drawn."""
        import jax  # here: a law book is read without it

        moments = [moment for step in self.steps for moment in (step.before, step.after)]
        predicted = [(step.prediction, step.sensitivity, step.targets) for step in self.steps]
        arrays = [array for moment in moments for array in moment.arrays]
        held = {id(array): array for array in arrays + jax.tree.leaves(predicted)}
        drawn: int = getattr(self.problem, "nbytes", 0)
        return drawn + sum(getattr(array, "nbytes", 0) for array in held.values())

    def trained_besides(self, found: Set[Path]) -> frozenset[Path]:
        """Return the leaves, other than those, that were trained by gradients."""
        trained = {
            path
            for step in self.steps
            for path in step.trainable - found
            if path in step.after.params
            and not same_value(step.before.params[path].array, step.after.params[path].array)
            # A decay moves a leaf without any.
            and (step.given is None or step.given.gradients.get(path, _SOME).any())
        }
        return frozenset(trained)

    @property
    def structure(self) -> str:
        """A prefix that tells drawn trees and architectures apart, whose leaves may share names."""
        drawn = getattr(self.problem, "tree", None) or getattr(self.problem, "architecture", None)
        return f"{drawn}: " if drawn else ""

    @property
    def first(self) -> Moment:
        """The moment before the first step."""
        return self.steps[0].before

    @property
    def last(self) -> Moment:
        """The moment after the last step."""
        return self.steps[-1].after
