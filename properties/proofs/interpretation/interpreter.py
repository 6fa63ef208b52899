"""The abstract interpreter: a jaxpr applied to what is known of its inputs, instead of to arrays.

It looks into every primitive that holds a jaxpr: compiled functions, custom derivatives,
rematerialisation, branches, loops and sharded functions. Loops run until nothing new is learned.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from ..marks import gradient_p
from .domain import (
    Inputs,
    Level,
    Origin,
    Same,
    Source,
    Value,
    constant,
    join_ranges,
    join_same,
)
from .evaluation import evaluate, read_by
from .loops import settle
from .refinement import Impossible, choose, finite, under
from .rules.rule import cap, put_together

Values = list[Value]


class NotInterpreted(Exception):
    """The program does something that an interpreter of values cannot follow."""


class Interpreter:
    """Interprets jaxprs.

    `gradients` are the bits of marked gradients, by the leaf's name; `unnamed` that of others. What
    one run finds of an equation is remembered: a later one that applies it to the same values does
    not look at it again.
    """

    def __init__(
        self,
        gradients: Mapping[str, Inputs] | None = None,
        unnamed: Inputs = 0,
        *,
        finite_gradients: bool = False,
    ) -> None:
        self._gradients = gradients or {}
        self._unnamed = unnamed
        #: Whether a gradient was handed to the optimizer at all.
        self.marked = False
        #: Names of gradients that the optimizer is given, apart from those of parameters.
        self.strangers: set[str] = set()
        #: The call of a helper of JAX's own that is being looked into.
        self._site: JaxprEqn | None = None
        self._finite_gradients = finite_gradients
        self._tokens = itertools.count(-1, -1)
        #: The outcome of an equation, by the identities of its operands, which are all
        #: kept; and by how often it was in one run, since what is computed twice is two arrays.
        self._known: dict[tuple[tuple[int, ...], int], tuple[Any, Values]] = {}
        self._applied: Counter[tuple[int, ...]] = Counter()
        #: The numbers that jaxprs hold, by their identities, too.
        self._numbers: dict[int, tuple[Any, Value]] = {}
        self._control: dict[str, Callable[[JaxprEqn, Values], Values]] = {
            "cond": self._branch,
            "while": self._while,
            "scan": self._scan,
            "shard_map": self._shard_map,
            gradient_p.name: self._mark,
        }

    def run(self, closed: ClosedJaxpr, arguments: Sequence[Value]) -> Values:
        """Return what is known of the outputs of a jaxpr, given what is known of its inputs."""
        self._applied.clear()
        return self._call(closed, arguments)

    def _number(self, number: Any, value: Callable[[Any], Value]) -> Value:
        if id(number) not in self._numbers:
            self._numbers[id(number)] = number, value(number)
        return self._numbers[id(number)][1]

    def _run(self, jaxpr: Jaxpr, consts: Sequence[Value], arguments: Sequence[Value]) -> Values:
        environment: dict[Any, Value] = {}

        def write(variables: Sequence[Any], values: Sequence[Value]) -> None:
            for variable, value in zip(variables, values, strict=True):
                if "Ref" in type(variable.aval).__name__:
                    raise NotInterpreted("it changes arrays in place, by `jax.Ref`")
                environment[variable] = value

        def read(variable: Any) -> Value:
            if isinstance(variable, Literal):
                return self._number(variable, _literal)
            return environment[variable]

        write(jaxpr.constvars, consts)
        write(jaxpr.invars, arguments)
        for equation in jaxpr.eqns:
            write(equation.outvars, self._apply(equation, [read(each) for each in equation.invars]))
        return [read(each) for each in jaxpr.outvars]

    def _apply(self, equation: JaxprEqn, operands: Values) -> Values:
        inner = _called(equation)
        if inner is not None and len(_jaxpr(inner).invars) == len(operands):
            return self._called_by(equation, inner, operands)
        applied = equation, self._site, *operands
        identities = tuple(map(id, applied))
        key = identities, self._applied[identities]
        self._applied[identities] += 1
        if key not in self._known:
            self._known[key] = applied, self._look_at(equation, operands)
        return self._known[key][1]

    def _look_at(self, equation: JaxprEqn, operands: Values) -> Values:
        name = equation.primitive.name
        if name == "select_n":
            (output,) = _outputs(equation)
            return [choose(operands[0], operands[1:], *output, self._site or equation)]
        if name in self._control:
            return self._control[name](equation, operands)
        site = self._site or equation
        return evaluate(name, equation.params, operands, _outputs(equation), site)

    def _called_by(self, equation: JaxprEqn, inner: Any, operands: Values) -> Values:
        """What JAX's own helpers compute, such as `where`, was written where they are called: they
        are traced once, wherever that was, for all their calls.
        """
        outer = self._site
        if outer is None and _is_of_jax(inner):
            self._site = equation
        try:
            return self._call(inner, operands)
        finally:
            self._site = outer

    def _call(self, inner: Any, operands: Sequence[Value]) -> Values:
        if isinstance(inner, ClosedJaxpr):
            consts = [self._number(each, constant) for each in inner.consts]
            return self._run(inner.jaxpr, consts, operands)
        return self._run(inner, [], operands)

    def _mark(self, equation: JaxprEqn, operands: Values) -> Values:
        """A gradient, as it is taken of the loss, or handed to the optimizer."""
        (gradient,) = operands
        leaf, taken = equation.params["leaf"], equation.params["taken"]
        self.marked = self.marked or not taken
        if leaf not in self._gradients and not taken:
            self.strangers.add(leaf)
        reads = gradient.reads | self._gradients.get(leaf, self._unnamed)
        reads = 0 if gradient.is_constant else reads
        bounds = gradient.range
        if bounds is not None and self._finite_gradients and not (taken or bounds.is_finite):
            bounds = finite(bounds, gradient.dtype)
        origin = Origin(gradient_p.name, equation.params, operands, equation)
        return [replace(gradient, range=bounds, reads=reads, origin=origin)]

    # Branches

    def _branch(self, equation: JaxprEqn, operands: Values) -> Values:
        index, arguments = operands[0], operands[1:]
        branches = equation.params["branches"]
        outcomes = []
        for number, branch in enumerate(branches):
            if not _may_be(index, number, len(branches)):
                continue
            narrowed: Sequence[Value] = arguments
            if len(branches) == 2:
                try:
                    narrowed = under(index, bool(number), arguments)
                except Impossible:
                    continue
            outcomes.append(self._call(branch, narrowed))
        if not outcomes:
            outcomes = [self._call(branch, arguments) for branch in branches]
        decided = len(outcomes) == 1
        return [
            _merged(equation, each, () if decided else (index,))
            for each in zip(*outcomes, strict=True)
        ]

    # Loops

    def _while(self, equation: JaxprEqn, operands: Values) -> Values:
        params = equation.params
        tests, bodies = params["cond_nconsts"], params["body_nconsts"]
        test_consts, body_consts = operands[:tests], operands[tests : tests + bodies]
        condition: Values = []

        def body(carry: Values) -> Values:
            condition[:] = self._call(params["cond_jaxpr"], [*test_consts, *carry])
            return self._call(params["body_jaxpr"], [*body_consts, *carry])

        entry, last = settle(operands[tests + bodies :], body)
        # How often it runs shows in all that it carries.
        return [
            _merged(equation, (before, after), condition)
            for before, after in zip(entry, last, strict=True)
        ]

    def _scan(self, equation: JaxprEqn, operands: Values) -> Values:
        params = equation.params
        consts, carries = _consts_and_carries(params)
        initial, stacked = operands[consts : consts + carries], operands[consts + carries :]
        slices = [self._named(each, each.shape[1:]) for each in stacked]
        produced: Values = []

        def body(carry: Values) -> Values:
            arguments = [*operands[:consts], *carry, *(value for _, value in slices)]
            outputs = self._call(params["jaxpr"], arguments)
            produced[:] = outputs[carries:]
            return outputs[:carries]

        _, last = settle(initial, body)
        final = last if params["length"] else initial
        outputs = _outputs(equation)[carries:]
        names = {name: value for (name, _), value in zip(slices, stacked, strict=True)}
        return [_merged(equation, (each,), ()) for each in final] + [
            _outside(
                equation,
                each,
                shape,
                put_together(_renamed(each.same, names), each.dtype, each.range),
            )
            for each, (shape, _) in zip(produced, outputs, strict=True)
        ]

    # Devices

    def _shard_map(self, equation: JaxprEqn, operands: Values) -> Values:
        params = equation.params
        inner = params["jaxpr"]
        shards = [
            self._named(each, variable.aval.shape)
            for each, variable in zip(operands, _jaxpr(inner).invars, strict=True)
        ]
        outputs = self._call(inner, [value for _, value in shards])
        into, out_of = params["in_specs"], params["out_specs"]
        results = []
        for value, (shape, _), spec in zip(outputs, _outputs(equation), out_of, strict=True):
            # An array is put together as it was taken apart only by the same specification.
            names = {
                name: whole
                for (name, _), whole, taken in zip(shards, operands, into, strict=True)
                if taken == spec
            }
            results.append(_outside(equation, value, shape, _renamed(value.same, names)))
        return results

    def _named(self, whole: Value, shape: tuple[int, ...]) -> tuple[Source, Value]:
        """Return a part of an array, under its own name by which it is known again."""
        name = Source(next(self._tokens), whole.dtype)
        return name, replace(whole, shape=tuple(shape), same={name: Level.BITS}, origin=None)


def _consts_and_carries(params: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many operands of a scan are constants, and how many it carries.

    JAX 0.12 gives no numbers, but what it groups the operands by: constants, carry, sequences.
    """
    if "ft_in" in params:
        consts, carry, _ = map(list, params["ft_in"].unpack())
        return len(consts), len(carry)
    return params["num_consts"], params["num_carry"]


def _renamed(same: Same, names: Mapping[Source, Value]) -> Same:
    """Return what wholes have in common with inputs, given what their parts have with parts."""
    found: dict[Source, Level] = {}
    for name, level in same.items():
        if name in names:
            for source, shared in cap(names[name].same, level).items():
                found[source] = max(shared, found.get(source, shared))
    return found


def _outside(equation: JaxprEqn, inner: Value, shape: tuple[int, ...], same: Same) -> Value:
    """Return what a loop or sharded function puts together of values inside."""
    origin = Origin(equation.primitive.name, {}, (inner,), equation)
    return replace(inner, shape=shape, same=same, origin=origin)


def _merged(equation: JaxprEqn, outcomes: Sequence[Value], deciding: Sequence[Value]) -> Value:
    """Return what is known of one of several outcomes, and of what decides which one it is."""
    first = outcomes[0]
    same = first.same
    for each in outcomes[1:]:
        same = join_same(same, each.same)
    bounds = join_ranges(each.range for each in outcomes)
    settled = bounds is not None and bounds.constant is not None
    return Value(
        first.shape,
        first.dtype,
        bounds,
        same,
        0 if settled else read_by(outcomes) | read_by(deciding),
        Origin(equation.primitive.name, {"decided_by": tuple(deciding)}, outcomes, equation),
    )


def _may_be(index: Value, number: int, count: int) -> bool:
    """Tell whether this branch may be taken; what is out of bounds takes the first or last."""
    if index.range is None:
        return True
    low, high = (min(max(end, 0), count - 1) for end in (index.range.low, index.range.high))
    return bool(low <= number <= high)


def _called(equation: JaxprEqn) -> Any:
    """Return the jaxpr of an equation that does nothing but call it."""
    if equation.primitive.name not in _CALLS:
        return None
    return equation.params.get("jaxpr", equation.params.get("call_jaxpr"))


_CALLS = frozenset(
    [
        "jit",
        "pjit",
        "closed_call",
        "core_call",
        "core_closed_call",
        "remat",
        "remat2",
        "checkpoint",
        "custom_jvp_call",
        "custom_vjp_call",
        "custom_vjp_call_jaxpr",
        "custom_lin",
    ]
)


def _is_of_jax(inner: Any) -> bool:
    """Tell whether a function that is called was written by JAX."""
    written = getattr(_jaxpr(inner).debug_info, "func_filename", None) or ""
    return str(written).startswith(_JAX)


_JAX = str(Path(jax.__file__).parent)


def _jaxpr(inner: Any) -> Any:
    return inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner


def _outputs(equation: JaxprEqn) -> list[tuple[tuple[int, ...], Any]]:
    return [
        (tuple(getattr(each.aval, "shape", ())), getattr(each.aval, "dtype", None))
        for each in equation.outvars
    ]


def _literal(literal: Any) -> Value:
    # A Python number stands for the number of the literal's own dtype that it rounds to.
    return constant(np.asarray(literal.val, literal.aval.dtype))
