"""Explanations: the equation that lost a property, with its line in the user's file or in Optax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from ...reference.pytrees.paths import Path, path_text
from .induction import Invariant
from .interpretation.domain import Level, Source, Value
from .marks import gradient_p
from .source_lines import where

#: How the text of an equation begins that hands a gradient on.
_GRADIENT = "the gradient of "
#: Equations that change a leaf by a constant, each with the one that changes but signs of zeros.
_NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1, "max": None, "min": None}
_CASTS = ("convert_element_type", "reduce_precision")
#: The equation that draws noise; those that make its key draw none.
_DRAW = "random_bits"


@final
@dataclass(frozen=True)
class Explanation:
    """Why something is not proved: in words, with the equation and where it was written."""

    #: The leaf that it is about.
    leaf: str
    #: What happens to it.
    what: str
    #: The equation, such as `mul 0.0001 l1/kernel:float32[3,4]`; empty where there is none.
    equation: str = ""
    #: The line of the user's that led to the equation, and where a library made it.
    where: str = ""

    def __str__(self) -> str:
        # That it is a gradient is said before.
        equation = "" if self.equation.startswith(_GRADIENT) else self.equation
        place = ", ".join(filter(None, (self.where, equation)))
        return f"{self.leaf} {self.what}" + (f": {place}" if place else "")


def explain_moved(invariant: Invariant, path: Path, wanted: Level) -> Explanation:
    """Say which equation lost what a frozen leaf has in common with itself before the step."""
    place = invariant.places[path]
    own = Source(place, invariant.before[place].dtype)
    lost = _loser(invariant.params[path], own, wanted)
    name = path_text(path)
    if lost is None:
        becomes = invariant.params[path]
        others = (p for p, other in invariant.params.items() if other is becomes and p != path)
        other = next(others, None)
        what = "something else" if other is None else f"what {path_text(other)} becomes"
        return Explanation(name, f"is replaced by {what}")
    walk = _Walk(invariant, place)
    bad = walk.worst(_without(lost, own, wanted))
    if bad is None:
        what = _what_alone(lost, own, invariant.params[path], wanted)
        return Explanation(name, what, walk.text(lost), where(lost))
    cause = walk.cause(bad)
    if cause is None:  # an input itself
        return Explanation(name, f"is moved by {walk.name(bad)}", walk.text(lost), where(lost))
    return Explanation(name, walk.what(cause), walk.text(cause), where(cause))


def explain_state(invariant: Invariant, path: Path) -> Explanation:
    """Say which equation makes the optimizer's state of a frozen leaf other than zero."""
    walk = _Walk(invariant, None)
    cause = walk.cause(invariant.opt_state[path])
    name = path_text(tuple(each for each in path if not each.startswith("frostproof_")))
    if cause is None:
        return Explanation(name, "is not zero from the start")
    return Explanation(name, walk.what(cause), walk.text(cause), where(cause))


def explain_leak(invariant: Invariant, path: Path) -> Explanation:
    """Say which equation brings the gradient of a frozen leaf into a trainable one."""
    leaked = invariant.leaks(path)
    walk = _Walk(invariant, None)

    def is_source(value: Value) -> bool:
        if value.origin is None or value.origin.primitive != gradient_p.name:
            return False
        leaf = str(value.origin.params["leaf"])
        return bool(invariant.gradients.get(leaf, invariant.unnamed) & leaked)

    value = last = invariant.params[path]
    led_by = _led_by(value, is_source)
    while not is_source(value) and led_by[id(value)]:
        operands = _causes(value)
        # Where what is led by it meets what is not, the last time on the way back to the gradient.
        if any(not led_by[id(each)] and not each.is_constant for each in operands):
            last = value
        value = next(each for each in operands if led_by[id(each)])
    if is_source(value) and value.origin is not None:
        came = str(value.origin.params["leaf"])
    else:  # in earlier steps alone
        came = next((leaf for leaf, bit in invariant.gradients.items() if bit & leaked), "")
    what = f"is updated by a number that depends on the gradient of {came or 'a frozen leaf'}"
    return Explanation(path_text(path), what, walk.text(last), where(last))


def _led_by(
    value: Value, is_source: Callable[[Value], bool], known: dict[int, bool] | None = None
) -> dict[int, bool]:
    """Tell, by the identities of what a value is computed from in this step, what is computed by
    way of a source; what is `known` is added to.
    """
    led: dict[int, bool] = {} if known is None else known
    stack = [(value, False)]
    while stack:
        each, causes_are_known = stack.pop()
        if causes_are_known:
            led[id(each)] = is_source(each) or any(led[id(cause)] for cause in _causes(each))
        elif id(each) not in led:
            led[id(each)] = False
            stack.append((each, True))
            stack += [(cause, False) for cause in _causes(each)]
    return led


def _operands(value: Value) -> list[Value]:
    return list(value.origin.operands) if value.origin is not None else []


def _causes(value: Value) -> list[Value]:
    """Return what a value is computed from, and what decides which of several outcomes it is."""
    decided_by = value.origin.params.get("decided_by", ()) if value.origin is not None else ()
    return [*_operands(value), *decided_by]


def _loser(value: Value, own: Source, wanted: Level) -> Value | None:
    """Return the value whose equation has an operand that equals the leaf, but does not itself."""
    seen: set[int] = set()
    bit, stack = 1 << own.number, [value]
    while stack:
        value = stack.pop()
        # A gradient is not a part of a leaf, although the leaf is in it.
        if value.origin is None or value.origin.primitive == gradient_p.name or id(value) in seen:
            continue
        seen.add(id(value))
        operands = _operands(value)
        if any(each.same.get(own, 0) >= wanted for each in operands):
            inside = [each for each in operands if each.same.get(own, 0) < wanted]
            chosen = value.origin.primitive in ("select_n", "cond", "scan", "while")
            deeper = [each for each in inside if each.reads & bit and each.origin is not None]
            if not (chosen and deeper):
                return value
            stack = [deeper[-1]]
            continue
        stack += [each for each in reversed(operands) if each.reads & bit]
    return None


def _what_alone(lost: Value, own: Source, after: Value, wanted: Level) -> str:
    """Say in words what an equation does to a leaf that stands there alone, or with constants."""
    primitive = lost.origin.primitive if lost.origin is not None else ""
    constants = _without(lost, own, wanted)
    if _is_changed_by_a_constant(lost, own, wanted):
        rounds = _is_averaged(after, lost, own, wanted)
    else:
        keeps_values = lost.same.get(own, 0) >= Level.VALUE
        rounds = keeps_values or primitive in _CASTS or bool(constants and primitive in _NEUTRAL)
    if rounds and primitive == "convert_element_type":
        # There and back: where it comes back, the other dtype is the one that it comes from.
        there, back = _operands(lost)[0].dtype, lost.dtype
        return f"is cast to {there if back == own.dtype else back}, which rounds it"
    if rounds:
        return "is computed with, and rounds or changes the sign of its zeros"
    return "is changed by a constant" if constants else "is computed with"


def _without(value: Value, own: Source, wanted: Level) -> list[Value]:
    """Return what a value is computed from besides the leaf itself."""
    return [each for each in _operands(value) if each.same.get(own, 0) < wanted]


def _is_changed_by_a_constant(value: Value, own: Source, wanted: Level) -> bool:
    if value.origin is None or value.origin.primitive not in _NEUTRAL:
        return False
    others = _without(value, own, wanted)
    neutral = _NEUTRAL[value.origin.primitive]
    if value.origin.primitive in ("sub", "div") and _operands(value)[0] in others:  # 0 - x, 1 / x
        neutral = None
    ranges = [each.range for each in others if each.range is not None]
    return not all(each.low == each.high == neutral for each in ranges)


def _is_averaged(after: Value, lost: Value, own: Source, wanted: Level) -> bool:
    """Tell whether what a leaf becomes is a sum of multiples of it, the lost one among them.

    They may make up the whole leaf: what an average loses it loses by rounding.
    """
    value = after
    while value is not lost:
        reading = [each for each in _operands(value) if each.reads & 1 << own.number]
        if not reading:
            return False
        if len(reading) > 1:
            losers = [_loser(each, own, wanted) for each in reading]
            return lost in losers and all(
                each is not None and _is_changed_by_a_constant(each, own, wanted) for each in losers
            )
        value = reading[0]
    return False


def _is_random(value: Value) -> bool:
    return value.origin is not None and value.origin.primitive.startswith("random")


def _is_gradient(value: Value) -> bool:
    return value.origin is not None and value.origin.primitive == gradient_p.name


def _is_zero_or_nan(value: Value) -> bool:
    return value.range is not None and value.range.low == value.range.high == 0


def _is_taken_as_zeros(given: Value) -> bool:
    """Tell whether what an optimizer is given for a gradient has that of its leaf in it, which is
    zero where the program takes it.
    """
    assert given.origin is not None, "the mark of a gradient is an equation"
    leaf, taken = given.origin.params["leaf"], list[Value]()
    seen, stack = set[int](), list(given.origin.operands)
    while stack:
        value = stack.pop()
        if value.origin is None or id(value) in seen:
            continue
        seen.add(id(value))
        if not _is_gradient(value):
            stack += _causes(value)
        elif value.origin.params["leaf"] == leaf:
            taken += value.origin.operands
    return bool(taken) and all(map(_is_zero_or_nan, taken))


class _Walk:
    """The way back from what should be zero to the equation that made it something else."""

    def __init__(self, invariant: Invariant, place: int | None) -> None:
        self._invariant = invariant
        self._bit = 0 if place is None else 1 << place
        #: The name of the leaf at the place.
        self._leaf = next((path_text(p) for p, n in invariant.places.items() if n == place), "")
        # Any rate is meant: that it is not zero is nobody's fault.
        self._rate = -1 if invariant.program.rate is None else 1 << invariant.program.rate
        #: Whether noise is in a value, by its identity.
        self._noisy: dict[int, bool] = {}
        #: Whether a gradient is in a value, likewise.
        self._led: dict[int, bool] = {}

    def worst(self, values: list[Value], made: Value | None = None) -> Value | None:
        """Return the one to blame of the operands of an equation; None if none is.

        Where what they `made` is zero unless it is NaN, only what may be NaN is to blame.
        """
        bad = [each for each in values if not (each.is_zero or each.is_constant)]
        if made is not None and _is_zero_or_nan(made):
            bad = [each for each in bad if each.range is None or each.range.nan]

        def blame(value: Value) -> tuple[bool, bool, bool, bool, bool]:
            # Sooner what is not zero than what may be NaN, what the leaf itself is in, and noise
            # or a gradient than what scales it, such as a counter. That a rate is not zero is
            # nobody's fault.
            return (
                value.reads != self._rate,
                not _is_zero_or_nan(value),
                bool(value.reads & self._bit),
                _led_by(value, _is_random, self._noisy)[id(value)],
                _led_by(value, _is_gradient, self._led)[id(value)],
            )

        return max(bad, key=blame, default=None)

    def cause(self, value: Value) -> Value | None:
        """Return the value whose equation made something of zeros; None for an input."""
        seen: set[int] = set()
        found: Value | None = None
        while id(value) not in seen:
            seen.add(id(value))
            if value.origin is None:
                before = self._grown(value)
                if before is None:
                    return found
                value = before
                continue
            found = value
            operands = value.origin.operands
            if value.origin.primitive in ("mul", "div") and any(each.is_zero for each in operands):
                return found
            if value.origin.primitive == _DRAW:
                return found
            if (
                value.origin.primitive == gradient_p.name
                and not _is_zero_or_nan(operands[0])
                and not _is_taken_as_zeros(value)
            ):
                return found
            cases = operands[1:] if value.origin.primitive == "select_n" else operands
            bad = self.worst(list(cases), value)
            if bad is None:
                return found
            value = bad
        return found

    def _grown(self, value: Value) -> Value | None:
        """Return what a leaf of the state becomes in a step, if it is zero at first."""
        number = self.number(value)
        if number is None or not 0 <= number < len(self._invariant.before):
            return None
        if number in self._invariant.places.values():  # any weights are meant, too
            return None
        if not self._invariant.program.initial[number].is_zero:
            return None
        return self._invariant.after[number]

    def _is_own(self, value: Value) -> bool:
        return self.number(value) is not None and bool(value.reads & self._bit)

    def _is_rate(self, value: Value) -> bool:
        """Tell whether a value is what a decay takes of a leaf: a constant, or a number that no
        parameter and nothing that the step is given is in.
        """
        program = self._invariant.program
        given = range(len(program.state), len(program.inputs))
        reads_others = any(
            value.reads >> place & 1 for place in (*self._invariant.places.values(), *given)
        )
        return value.is_constant or (not value.shape and not reads_others)

    def number(self, value: Value) -> int | None:
        """Return the number of the input that a value is."""
        return next(
            (source.number for source, level in value.same.items() if level is Level.BITS), None
        )

    def name(self, value: Value) -> str:
        """Name a value: a number, an input, or its dtype and shape."""
        if value.is_constant and value.range is not None:
            return f"{value.range.constant:.6g}"
        shape = f"{getattr(value.dtype, 'name', value.dtype)}{list(value.shape)}".replace(" ", "")
        number = self.number(value)
        name = None if number is None else self.input_name(number)
        if name is not None:
            return f"{name}:{shape}"
        if value.is_zero:
            return f"0:{shape}"
        return shape

    def input_name(self, number: int) -> str | None:
        """Name an input: a parameter by its path, and what else there is by where it is kept."""
        for path, place in self._invariant.places.items():
            if place == number:
                return path_text(path)
        names = self._invariant.program.inputs
        return names[number] if 0 <= number < len(names) else None

    def text(self, value: Value) -> str:
        """Show the equation that made a value, with names for its operands."""
        if value.origin is None:
            return ""
        if value.origin.primitive == gradient_p.name:
            return f"{_GRADIENT}{value.origin.params['leaf']}"
        match [value.origin.primitive, *map(self.name, value.origin.operands)]:
            case ["select_n", condition, otherwise, chosen]:  # as `jnp.where` makes it
                return f"where {condition} {chosen} {otherwise}"
            case words:
                return " ".join(words)

    def what(self, cause: Value) -> str:
        """Say in words what an equation does to a leaf that should stay."""
        assert cause.origin is not None, "the cause is an equation"
        operands = cause.origin.operands
        primitive = cause.origin.primitive
        if primitive == gradient_p.name:
            others = {path_text(path) for path in self._invariant.places} - {self._leaf}
            given = str(cause.origin.params["leaf"])
            return f"is moved by {_GRADIENT + given if given in others else 'its own gradient'}"
        if primitive == "mul" and any(each.is_zero for each in operands):
            return "is moved where 0 · x is NaN, since x may be infinite or NaN"
        if primitive == "div" and any(each.is_zero for each in operands):
            return "is moved where 0 / x is NaN, since x may be zero or NaN"
        if _is_random(cause):
            return "is moved by noise"
        leaves = [each for each in operands if self._is_own(each)]
        if leaves:
            factors = [each for each in operands if each not in leaves]
            if primitive in ("mul", "div") and factors and all(map(self._is_rate, factors)):
                return "is moved by its own value, as a decay does"
            return "is moved by what is computed from its own value"
        states = [
            name
            for each in operands
            if (number := self.number(each)) is not None and (name := self.input_name(number))
        ]
        if states:
            return f"is moved by {states[0]}, which is not zero"
        return "is changed by the result of an equation"
