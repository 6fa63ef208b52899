"""What of the law book a proof can show, and under which assumptions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from ...reference.pytrees.paths import Path, path_text
from .explanation import Explanation, explain_leak, explain_moved, explain_state
from .induction import Induction, Invariant
from .interpretation.domain import Level, Range
from .interpretation.floats import Limits, is_float, limits
from .interpretation.interpreter import NotInterpreted
from .marks import AnyOptimizer, has_rate
from .program import NotTraced, Program

#: Of an optimizer that looks at its rate, so that none is kept open.
ONE_RATE = "other learning rates are treated as those that were traced"
FINITE_RATE = "the learning rate is finite"
POSITIVE_RATE = "the learning rate is positive"
#: An optimizer casts its rate to the dtype of each leaf: 1e5 is infinite in float16, 1e-9 is 0.
RATE_OF_LEAVES = "the learning rate is so in the dtypes of all leaves, too"
FINITE_GRADIENTS = "the gradients that the optimizer is given are finite"
NO_FLUSH = "arithmetic keeps subnormals and the payloads of NaN as they are"
#: Of a promise of more kinds of optimizers than were tried.
OTHER_STATES = "states of other optimizers are treated as those that were traced"
#: Of everything: Python code that looks at a clock or counts its calls does not show in a jaxpr.
PURE = "a step does what it did when it was traced"
#: Of everything, too: a jaxpr is one of one form.
FORMS = "other shapes and masks are treated as those that were traced"
#: Of a trainer's gradients: one that is computed by hand, or forward, is a number like others.
SEEN = "the gradients of frozen leaves are taken by `jax.grad` and its like"
#: Of a trainer, whose `create` is run and not traced.
CREATED = "what `create` makes alike of two seeds it makes alike of all"


@final
@dataclass(frozen=True)
class Proof:
    """A law that holds for every input of a traced program, and what this rests on."""

    law: str
    assumptions: tuple[str, ...]

    def and_also(self, other: Proof) -> Proof:
        """Return the proof that holds where both do."""
        return Proof(self.law, tuple(dict.fromkeys(self.assumptions + other.assumptions)))

    @property
    def sentence(self) -> str:
        """What the proof is of, and what it rests on."""
        return f"for every input, if {'; '.join(self.assumptions)}"

    def __str__(self) -> str:
        return f"{self.law}: proved {self.sentence}"


@final
@dataclass(frozen=True)
class Proofs:
    """What was tried on one program under one optimizer."""

    optimizer: str
    #: What was traced.
    shapes: str = ""
    proved: Mapping[str, Proof] = field(default_factory=dict)
    #: What is not proved, and the equation that is in the way.
    unproved: Mapping[str, Explanation] = field(default_factory=dict)
    #: Why nothing was tried, if nothing was.
    not_traced: str = ""


@final
@dataclass(frozen=True)
class Circumstances:
    """Under which rates a step is looked at, and whether gradients are taken for finite."""

    positive_rate: bool = False
    finite_gradients: bool = False
    #: Whether a training begins as `create` makes it, and not in whatever state.
    created: bool = True

    def rates(self, program: Program) -> Range:
        """The learning rates that are meant: those that every float of the program can hold."""
        held = _rate_dtypes(program)
        tiny, largest = max(each.tiny for each in held), min(each.highest for each in held)
        zeros = not self.positive_rate
        return Range(-largest if zeros else tiny, largest, False, zeros, zeros)


def _rate_dtypes(program: Program) -> list[Limits]:
    """Return the limits of float32, in which a rate is given, and of all floats of the state."""
    found = [limits(each.dtype) for each in program.initial if is_float(each.dtype)]
    return [limits(np.dtype(np.float32)), *found]  # type: ignore[list-item]


#: From the fewest assumptions to the most.
ALL = (
    Circumstances(created=False),
    *(Circumstances(rate, finite) for rate in (False, True) for finite in (False, True)),
)
_WHATEVER_GRADIENTS = tuple(each for each in ALL if not each.finite_gradients)
#: At huge rates gradients overflow, too: they cannot be taken for finite.
_WHATEVER_RATE = tuple(each for each in _WHATEVER_GRADIENTS if not each.positive_rate)

Fault = Callable[[], Explanation]


@final
@dataclass(frozen=True)
class Claim:
    """A law as a statement about what holds in every step."""

    law: str
    #: What it may assume.
    circumstances: Sequence[Circumstances]
    #: Returns what is in the way, of this leaf rather than of others; nothing if the law is proved.
    fault: Callable[[Invariant, str], Fault | None]
    #: Whether arithmetic on the frozen leaves themselves counts as keeping them.
    exact: bool = False


def _moved(wanted: Level) -> Callable[[Invariant, str], Fault | None]:
    def fault(invariant: Invariant, leaf: str) -> Fault | None:
        for path in _sooner(leaf, sorted(invariant.program.frozen)):
            level = invariant.level(path)
            if level is None or level < wanted:
                return functools.partial(explain_moved, invariant, path, wanted)
        return None

    return fault


def _sooner(leaf: str, paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path_text(path) != leaf)


def _state_grew(invariant: Invariant, leaf: str) -> Fault | None:
    before, after = invariant.opt_state_before, invariant.opt_state
    for path in _sooner(leaf, belonging(invariant)):
        # What never is zero as a whole, or stays as it is, does not leave zero either.
        old, new = before[path].range, after[path].range
        kept = set(before[path].same) & set(after[path].same)
        if kept or new is None or old is None or not old.has_zero or new.is_zero:
            continue
        return functools.partial(explain_state, invariant, path)
    return None


def belonging(invariant: Invariant) -> Sequence[Path]:
    """Return the optimizer's state of frozen leaves: of their shape, and under their path."""
    found = []
    for path, value in invariant.opt_state.items():
        endings = (path[start:] for start in range(len(path)))
        owner = next((each for each in endings if each in invariant.params), None)
        if owner in invariant.program.frozen and value.range is not None:
            assert owner is not None
            if invariant.params[owner].shape == value.shape:
                found.append(path)
    return found


def _leaked(invariant: Invariant, leaf: str) -> Fault | None:
    for path in _sooner(leaf, invariant.params):
        if path not in invariant.program.frozen and invariant.leaks(path):
            return functools.partial(explain_leak, invariant, path)
    return None


CLAIMS = (
    Claim("frozen-norm", ALL, _moved(Level.VALUE)),
    Claim("frozen-value", ALL, _moved(Level.VALUE)),
    Claim("frozen-bits", ALL, _moved(Level.SIGNED), exact=True),
    Claim("frozen-under-overflow", _WHATEVER_GRADIENTS, _moved(Level.VALUE)),
    Claim("frozen-any-learning-rate", _WHATEVER_RATE, _moved(Level.VALUE)),
    Claim("frozen-optimizer-state", ALL, _state_grew),
    Claim("frozen-gradients-do-not-leak", _WHATEVER_GRADIENTS, _leaked),
    Claim("frozen-under-coupled-overflow", _WHATEVER_GRADIENTS, _moved(Level.VALUE)),
    Claim("frozen-under-other-optimizers", ALL, _moved(Level.VALUE)),
)


def settle_claims(
    program: Program, optimizer: Any, laws: Collection[str], *, created: bool, leaf: str = ""
) -> Proofs:
    """Try the claims of some laws on a traced program, from the fewest assumptions to the most.

    `created` says that the program's first state was made by running it; of what is in the way of a
    law, that about this `leaf` is told first.
    """
    known: dict[Circumstances, Invariant] = {}
    induction = Induction(program)

    def under(circumstances: Circumstances) -> Invariant:
        if program.rate is None:  # one rate, whatever is assumed of it
            circumstances = replace(circumstances, positive_rate=False)
        if circumstances not in known:
            known[circumstances] = induction.hold(
                rates=circumstances.rates(program),
                finite_gradients=circumstances.finite_gradients,
                created=circumstances.created,
            )
        return known[circumstances]

    proved: dict[str, Proof] = {}
    unproved: dict[str, Explanation] = {}
    try:
        for claim in CLAIMS:
            if claim.law not in laws:
                continue
            outcome = _settle(claim, program, under, created, optimizer, leaf)
            if isinstance(outcome, Proof):
                proved[claim.law] = outcome
            else:
                unproved[claim.law] = outcome
    except (NotTraced, NotInterpreted) as reason:
        return Proofs(str(optimizer), program.shapes, not_traced=str(reason))
    return Proofs(str(optimizer), program.shapes, proved, unproved)


def _settle(
    claim: Claim,
    program: Program,
    under: Callable[[Circumstances], Invariant],
    created: bool,
    optimizer: Any,
    leaf: str,
) -> Proof | Explanation:
    if not program.frozen:
        return Explanation("nothing", "is frozen")
    any_rate = program.rate is not None or isinstance(optimizer, AnyOptimizer)
    if claim.law == "frozen-any-learning-rate" and not any_rate:
        return Explanation("the learning rate", "is written into the program")
    fault: Fault | None = None
    for circumstances in claim.circumstances:
        invariant = under(circumstances)
        if (unknown := _unknown(claim.law, invariant)) is not None:
            return unknown
        found = claim.fault(invariant, leaf)
        if found is None:
            assumed = _assumptions(claim, circumstances, invariant, created)
            one_rate = (ONE_RATE,) if program.rate is None and has_rate(optimizer) else ()
            return Proof(claim.law, (*assumed, *one_rate))
        fault = found  # under the most assumptions: the fewest equations are in the way
    assert fault is not None, "every claim has circumstances"
    return fault()


def _unknown(law: str, invariant: Invariant) -> Explanation | None:
    """Say what about the gradients of a program is not known, if a law is about them."""
    if law == "frozen-optimizer-state" and invariant.strangers:
        # State that belongs to a frozen leaf is found by the leaf's name.
        return Explanation(min(invariant.strangers), "is a name that only the optimizer has")
    if law != "frozen-gradients-do-not-leak":
        return None
    if not invariant.trains:
        return Explanation("no gradient", "is handed to the optimizer")
    program = invariant.program
    for path in invariant.params:
        seen = path in program.frozen or path in program.differentiated
        if not seen and invariant.level(path) is None:
            return Explanation(path_text(path), "trains by a gradient that is not seen to be taken")
    return None


def _assumptions(
    claim: Claim, circumstances: Circumstances, invariant: Invariant, created: bool
) -> tuple[str, ...]:
    assumed = [PURE, FORMS]
    if invariant.program.rate is not None:
        assumed.append(FINITE_RATE)
        if circumstances.positive_rate:
            assumed.append(POSITIVE_RATE)
        own, *others = _rate_dtypes(invariant.program)
        if any(each.highest < own.highest or each.tiny > own.tiny for each in others):
            assumed.append(RATE_OF_LEAVES)
    if circumstances.finite_gradients:
        assumed.append(FINITE_GRADIENTS)
    levels = [invariant.level(path) for path in invariant.program.frozen]
    if claim.exact and Level.SIGNED in levels:
        assumed.append(NO_FLUSH)
    if created and circumstances.created:
        assumed.append(CREATED)
    if created and claim.law == "frozen-gradients-do-not-leak":
        assumed.append(SEEN)
    return tuple(assumed)
