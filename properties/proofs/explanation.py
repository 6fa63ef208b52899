"""Explanations: the equation that lost a property, with its line in the user's file or in Optax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ...reference.pytrees.paths import Path, path_text
from .induction import Invariant
from .interpretation.domain import Level, Source, Value
from .marks import gradient_p
from .source_lines import where
from .way_back import GRADIENT, WayBack, causes_of, led_by, operands_of

#: Equations that change a leaf by a constant, each with the one that changes but signs of zeros.
_NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1, "max": None, "min": None}
_CASTS = ("convert_element_type", "reduce_precision")


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
        equation = "" if self.equation.startswith(GRADIENT) else self.equation
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
    walk = WayBack(invariant, place)
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
    walk = WayBack(invariant, None)
    cause = walk.cause(invariant.opt_state[path])
    name = path_text(tuple(each for each in path if not each.startswith("frostproof_")))
    if cause is None:
        return Explanation(name, "is not zero from the start")
    return Explanation(name, walk.what(cause), walk.text(cause), where(cause))


def explain_leak(invariant: Invariant, path: Path) -> Explanation:
    """Say which equation brings the gradient of a frozen leaf into a trainable one."""
    leaked = invariant.leaks(path)
    walk = WayBack(invariant, None)

    def is_source(value: Value) -> bool:
        if value.origin is None or value.origin.primitive != gradient_p.name:
            return False
        leaf = str(value.origin.params["leaf"])
        return bool(invariant.gradients.get(leaf, invariant.unnamed) & leaked)

    value = last = invariant.params[path]
    led = led_by(value, is_source)
    while not is_source(value) and led[id(value)]:
        operands = causes_of(value)
        # Where what is led by it meets what is not, the last time on the way back to the gradient.
        if any(not led[id(each)] and not each.is_constant for each in operands):
            last = value
        value = next(each for each in operands if led[id(each)])
    if is_source(value) and value.origin is not None:
        came = str(value.origin.params["leaf"])
    else:  # in earlier steps alone
        came = next((leaf for leaf, bit in invariant.gradients.items() if bit & leaked), "")
    what = f"is updated by a number that depends on the gradient of {came or 'a frozen leaf'}"
    return Explanation(path_text(path), what, walk.text(last), where(last))


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
        operands = operands_of(value)
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
        there, back = operands_of(lost)[0].dtype, lost.dtype
        return f"is cast to {there if back == own.dtype else back}, which rounds it"
    if rounds:
        return "is computed with, and rounds or changes the sign of its zeros"
    return "is changed by a constant" if constants else "is computed with"


def _without(value: Value, own: Source, wanted: Level) -> list[Value]:
    """Return what a value is computed from besides the leaf itself."""
    return [each for each in operands_of(value) if each.same.get(own, 0) < wanted]


def _is_changed_by_a_constant(value: Value, own: Source, wanted: Level) -> bool:
    if value.origin is None or value.origin.primitive not in _NEUTRAL:
        return False
    others = _without(value, own, wanted)
    neutral = _NEUTRAL[value.origin.primitive]
    if value.origin.primitive in ("sub", "div") and operands_of(value)[0] in others:  # 0 - x, 1 / x
        neutral = None
    ranges = [each.range for each in others if each.range is not None]
    return not all(each.low == each.high == neutral for each in ranges)


def _is_averaged(after: Value, lost: Value, own: Source, wanted: Level) -> bool:
    """Tell whether what a leaf becomes is a sum of multiples of it, the lost one among them.

    They may make up the whole leaf: what an average loses it loses by rounding.
    """
    value = after
    while value is not lost:
        reading = [each for each in operands_of(value) if each.reads & 1 << own.number]
        if not reading:
            return False
        if len(reading) > 1:
            losers = [_loser(each, own, wanted) for each in reading]
            return lost in losers and all(
                each is not None and _is_changed_by_a_constant(each, own, wanted) for each in losers
            )
        value = reading[0]
    return False
