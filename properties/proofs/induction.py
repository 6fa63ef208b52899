"""Induction over steps: what holds before every step, for any number of them.

It starts from what creating the training gives and applies the step until nothing new comes. In
every step each leaf is compared with what it was before that step, and with the leaves that it was
a copy of from the start.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from ...reference.pytrees.paths import Path, path_text
from .interpretation.domain import NOTHING, Inputs, Level, Range, Same, Source, Value, anything
from .interpretation.interpreter import Interpreter
from .interpretation.loops import alike, join
from .program import NotTraced, Program

#: Rounds in which ranges grow as they like.
_PATIENCE = 2


@final
@dataclass(frozen=True)
class Invariant:
    """What is known of a step that any number of steps went before."""

    program: Program
    #: The leaves of the state before the step.
    before: Sequence[Value]
    #: Those after it.
    after: Sequence[Value]
    #: Parameters after the step, and the leaf of the state that each of them was before.
    params: Mapping[Path, Value]
    places: Mapping[Path, int]
    opt_state: Mapping[Path, Value]
    opt_state_before: Mapping[Path, Value]
    #: The bit of each parameter's gradient, as the optimizer is given it.
    gradients: Mapping[str, Inputs]
    #: The bit of gradients that have another name than any parameter.
    unnamed: Inputs
    #: Whether the step hands gradients to the optimizer at all.
    trains: bool
    #: The names under which it does, apart from those of parameters.
    strangers: Collection[str]

    def level(self, path: Path) -> Level | None:
        """Return what a parameter after the step has in common with itself before it."""
        place = self.places[path]
        value = self.params[path]
        return value.same.get(Source(place, self.before[place].dtype))

    def leaks(self, path: Path) -> Inputs:
        """Return the gradients of frozen leaves that a parameter depends on."""
        frozen = self.unnamed
        for each in self.program.frozen:
            frozen |= self.gradients[path_text(each)]
        return self.params[path].reads & frozen


class Induction:
    """The step of a program, applied to what is known of its state until nothing new comes.

    Most of a step, such as how it takes its gradients, depends on nothing that is learned from
    round to round, or under other assumptions: it is looked at once.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        count = len(program.inputs)
        self._gradients = {
            path_text(path): 1 << (count + n) for n, path in enumerate(program.params)
        }
        self._unnamed = 1 << (count + len(program.params))
        #: By whether gradients are assumed to be finite.
        self._interpreters = {
            finite: Interpreter(self._gradients, self._unnamed, finite_gradients=finite)
            for finite in (False, True)
        }
        self._given = _given(program)
        #: What each leaf of the state was taken for: a value is known again as the same object.
        self._inputs: list[list[Value]] = [[] for _ in program.initial]

    def hold(
        self,
        *,
        rates: Range | None = None,
        finite_gradients: bool = False,
        created: bool = True,
    ) -> Invariant:
        """Return what holds before every step, and what comes of it.

        `rates` are the learning rates that are meant, where the program keeps its rate open;
        `finite_gradients` are assumed to be handed to the optimizer; unless the training begins as
        it was `created`, its state may be anything.
        """
        program, interpreter = self._program, self._interpreters[finite_gradients]
        entry = [
            anything(each.shape, each.dtype) if place in self._kept_in or not created else each
            for place, each in enumerate(program.initial)
        ]
        if program.rate is not None and rates is not None:
            entry[program.rate] = replace(entry[program.rate], range=rates)
        rounds = 0
        while True:
            before, outputs = self._step(interpreter, entry)
            after = outputs[: len(entry)]
            grown = [
                join(old, new, widening=rounds >= _PATIENCE)
                for old, new in zip(entry, self._carried(after), strict=True)
            ]
            if all(map(alike, entry, grown)):
                break
            entry, rounds = grown, rounds + 1
        parts = _split(program, outputs)
        return Invariant(
            program,
            before,
            after,
            dict(zip(program.params, parts.params, strict=True)),
            self._places,
            dict(zip(program.opt_state, parts.opt_state, strict=True)),
            dict(zip(program.opt_state, parts.opt_state_before, strict=True)),
            self._gradients,
            self._unnamed,
            interpreter.marked,
            interpreter.strangers,
        )

    def _step(
        self, interpreter: Interpreter, entry: Sequence[Value]
    ) -> tuple[Sequence[Value], Sequence[Value]]:
        """Return the leaves of the state as the step gets them, and all that it returns."""
        before = [self._input(place, named(place, value)) for place, value in enumerate(entry)]
        return before, interpreter.run(self._program.step, [*before, *self._given])

    def _input(self, place: int, value: Value) -> Value:
        for known in self._inputs[place]:
            if alike(known, value):
                return known
        self._inputs[place].append(value)
        return value

    @functools.cached_property
    def _places(self) -> Mapping[Path, int]:
        """Where in the state each parameter is kept; raises `NotTraced` for one that is not."""
        unknown = [anything(each.shape, each.dtype) for each in self._program.initial]
        _, outputs = self._step(self._interpreters[False], unknown)
        before = _split(self._program, outputs).params_before
        places = {}
        for path, value in zip(self._program.params, before, strict=True):
            found = [source.number for source, level in value.same.items() if level is Level.BITS]
            if not found:
                raise NotTraced(
                    f"{path_text(path)} is not a leaf of the state but computed from it"
                )
            places[path] = found[0]
        return places

    @functools.cached_property
    def _kept_in(self) -> frozenset[int]:
        return frozenset(self._places.values())

    def _carried(self, after: Sequence[Value]) -> list[Value]:
        """Return leaves after a step as they stand before the next one, keeping only what is said
        of leaves at the same time, and of gradients, still makes sense.
        """
        kept = self._unnamed
        for bit in self._gradients.values():
            kept |= bit
        return [
            replace(
                value, same=_still(place, value.same, after), reads=value.reads & kept, origin=None
            )
            for place, value in enumerate(after)
        ]


@dataclass(frozen=True)
class _Parts:
    params_before: Sequence[Value]
    params: Sequence[Value]
    opt_state_before: Sequence[Value]
    opt_state: Sequence[Value]


def _split(program: Program, outputs: Sequence[Value]) -> _Parts:
    start, parts = len(program.state), []
    for paths in (program.params, program.params, program.opt_state, program.opt_state):
        parts.append(outputs[start : start + len(paths)])
        start += len(paths)
    return _Parts(*parts)


def _given(program: Program) -> list[Value]:
    variables = program.step.jaxpr.invars[len(program.state) :]
    first = len(program.state)
    return [
        anything(each.aval.shape, each.aval.dtype, 1 << (first + n))
        for n, each in enumerate(variables)
    ]


def named(place: int, value: Value) -> Value:
    """Return an input of a step: it equals and reads itself."""
    own = {Source(place, value.dtype): Level.BITS}
    reads = value.reads | 1 << place
    return Value(value.shape, value.dtype, value.range, {**value.same, **own}, reads)


def _still(place: int, same: Same, after: Sequence[Value]) -> Same:
    """Return the other leaves that a leaf equals after the step because both stayed."""
    found: dict[Source, Level] = {}
    for source, level in same.items():
        if source.number != place and 0 <= source.number < len(after):
            other = after[source.number].same.get(source)
            if other is not None:
                found[source] = min(level, other)
    return found or NOTHING
