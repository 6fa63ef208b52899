"""The way back from what should be zero to the equation that made it something else."""

from __future__ import annotations

from collections.abc import Callable

from ...reference.pytrees.paths import path_text
from .induction import Invariant
from .interpretation.domain import Level, Value
from .marks import gradient_p

#: How the text of an equation begins that hands a gradient on.
GRADIENT = "the gradient of "
#: The equation that draws noise; those that make its key draw none.
_DRAW = "random_bits"


def led_by(
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
            led[id(each)] = is_source(each) or any(led[id(cause)] for cause in causes_of(each))
        elif id(each) not in led:
            led[id(each)] = False
            stack.append((each, True))
            stack += [(cause, False) for cause in causes_of(each)]
    return led


def operands_of(value: Value) -> list[Value]:
    """Return what the equation of a value takes; nothing of an input."""
    return list(value.origin.operands) if value.origin is not None else []


def causes_of(value: Value) -> list[Value]:
    """Return what a value is computed from, and what decides which of several outcomes it is."""
    decided_by = value.origin.params.get("decided_by", ()) if value.origin is not None else ()
    return [*operands_of(value), *decided_by]


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
            stack += causes_of(value)
        elif value.origin.params["leaf"] == leaf:
            taken += value.origin.operands
    return bool(taken) and all(map(_is_zero_or_nan, taken))


class WayBack:
    """Goes back from values of a traced step that should be zero, and names what it finds."""

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
                led_by(value, _is_random, self._noisy)[id(value)],
                led_by(value, _is_gradient, self._led)[id(value)],
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
            return f"{GRADIENT}{value.origin.params['leaf']}"
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
            return f"is moved by {GRADIENT + given if given in others else 'its own gradient'}"
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
