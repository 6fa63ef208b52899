"""Random programs over the primitives that the prover has rules for, control flow included.

A program is drawn by a function that answers "which of n?": Hypothesis is one such function, and
shrinks; a seeded generator is another one, and is fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from frostproof.properties.proofs.interpretation.domain import (
    Level,
    Range,
    Source,
    Value,
    ranged,
    unknown,
)
from frostproof.properties.proofs.interpretation.floats import is_float

#: Answers with a number from 0 to below n.
Choose = Callable[[int], int]

SIZE = 8
DTYPES = tuple(
    map(np.dtype, ("float32", "float32", "bfloat16", "float16", "int32", "bool", "uint8"))
)
FLOATS = tuple(dtype for dtype in DTYPES if is_float(dtype))


@dataclass
class Input:
    """An input: what may be assumed of it, and concrete arrays of which that is true."""

    value: Value
    arrays: tuple[np.ndarray, np.ndarray]


@dataclass
class Drawn:
    """A program: its inputs, and a function from them to all that it computes on the way."""

    inputs: list[Input] = field(default_factory=list)
    steps: list[Callable[[list[Any]], Any]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return all that is computed, one after the other."""
        known = list(arrays)
        for step in self.steps:
            known.append(step(known))
        return known[len(arrays) :]

    def __str__(self) -> str:
        return "\n".join(self.words)


def draw_program(choose: Choose, length: int = 8) -> Drawn:
    """Draw inputs, and steps each of which takes what was there before it."""
    drawn = Drawn()
    kinds = []
    for number in range(3):
        dtype = DTYPES[choose(len(DTYPES))]
        shape = (SIZE,) if choose(4) else ()
        drawn.inputs.append(_draw_input(choose, number, shape, dtype))
        kinds.append((shape, dtype))
    for _ in range(1 + choose(length)):
        _draw_step(choose, drawn, kinds, depth=0)
    return drawn


# Inputs


def _draw_input(choose: Choose, number: int, shape: tuple[int, ...], dtype: Any) -> Input:
    pool, bounds = _draw_range(choose, dtype)

    def fill() -> np.ndarray:
        count = math.prod(shape)
        return np.asarray([pool[choose(len(pool))] for _ in range(count)], dtype).reshape(shape)

    value = Value(shape, dtype, bounds, {Source(number, dtype): Level.BITS}, 1 << number)
    return Input(value, (fill(), fill()))


def _draw_range(choose: Choose, dtype: Any) -> tuple[list[Any], Range]:
    everything = unknown(dtype)
    assert everything is not None
    if dtype.kind == "b":
        return [False, True], everything
    if not is_float(dtype):
        ends = np.iinfo(dtype)
        if choose(2):
            return [ends.min, ends.max, 0, 1, ends.max - 1, 2, 7], everything
        return [0, 1, 2, 3], ranged(0, 3, dtype)
    known = ml_dtypes.finfo(dtype)
    least, tiny, most = (float(x) for x in (known.smallest_subnormal, known.tiny, known.max))
    some = [1.0, 0.5, 2.0, 3.0, 0.1, 0.9, 0.999, tiny, most, most / 2, 1 / 3, 7.0]
    small = [least, tiny / 2]
    plus = [0.0, *small, *some, tiny, 1e-3]
    minus = [-each for each in plus]
    match choose(10):
        case 0 | 8 | 9:
            quiet = np.asarray([np.nan], dtype)
            payload = quiet.copy()
            payload.view(f"u{dtype.itemsize}")[0] |= 1
            special = [np.inf, -np.inf, quiet[0], payload[0], -quiet[0]]
            return [*plus, *minus, *special, *special], everything
        case 1:
            return [*plus, *minus], ranged(-most, most, dtype, False, True, True)
        case 2:
            return [0.0], ranged(0.0, 0.0, dtype, plus_zero=True)
        case 3:
            return [-0.0], ranged(0.0, 0.0, dtype, minus_zero=True)
        case 4:
            return [0.0, -0.0], ranged(0.0, 0.0, dtype, False, True, True)
        case 5:
            return [*plus, np.inf], ranged(0.0, math.inf, dtype, plus_zero=True)
        case 6:
            inside = [0.5, 0.75, 1.0, 1.5, 2.0]
            return inside, ranged(0.5, 2.0, dtype)
        case _:
            inside = [-3.0, -1.0, -0.25, 0.0, -0.0, 0.5, 1.0, least, -least]
            return inside, ranged(-3.0, 1.0, dtype, False, True, True)


# Steps

Kinds = list[tuple[tuple[int, ...], Any]]
Pick = Callable[[list[Any]], Any]


def _draw_step(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    families = [
        _binary,
        _binary,
        _binary,
        _unary,
        _unary,
        _comparison,
        _selection,
        _selection,
        _logic,
        _conversion,
        _constant,
        _movement,
        _reduction,
        _product,
        _guard,
    ]
    nested = [_branch, _loop, _scan, _call]
    if depth < 2 and choose(6) == 0:
        families = nested
    families[choose(len(families))](choose, drawn, kinds, depth)


def _add(drawn: Drawn, kinds: Kinds, step: Pick, kind: Any, words: str) -> None:
    drawn.steps.append(step)
    drawn.words.append(f"{len(kinds)}: {words}")
    kinds.append(kind)


def _one(choose: Choose, kinds: Kinds, accepted: Callable[[Any], bool]) -> int | None:
    """Pick one of the arrays whose dtype is accepted, the later ones more often."""
    fitting = [number for number, (_, dtype) in enumerate(kinds) if accepted(dtype)]
    if not fitting:
        return None
    place = max(choose(len(fitting)), choose(len(fitting)))
    return fitting[place]


def _like(array: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Bring an array into a shape and dtype, by as few equations as it takes."""
    if array.dtype != dtype:
        array = lax.convert_element_type(array, dtype)
    if array.shape != shape:
        array = array[0] if shape == () else jnp.broadcast_to(array, shape)
    return array


_NUMBERS = ("add", "sub", "mul", "div", "max", "min")


def _named(name: str, dtype: Any) -> Callable[[Any, Any], Any]:
    """Return a function of two numbers."""
    function: Callable[[Any, Any], Any] = getattr(lax, name)
    if name != "div" or is_float(dtype):
        return function
    # The compiler of jaxlib 0.10.2 dies of some quotients of two constants.
    return lambda x, y: function(*lax.optimization_barrier((x, y)))


def _binary(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = _one(choose, kinds, lambda dtype: dtype.kind != "b")
    if a is None:
        return
    shape, dtype = kinds[a]
    b = choose(len(kinds)) if choose(5) else a
    name = (*_NUMBERS, "pow")[choose(7)]
    if name == "pow" and not is_float(dtype):
        name = "mul"
    function = _named(name, dtype)
    swapped = bool(choose(2))

    def step(known: list[Any]) -> Any:
        x, y = known[a], known[a] if b == a else _like(known[b], shape, dtype)
        return function(y, x) if swapped else function(x, y)

    _add(drawn, kinds, step, (shape, dtype), f"{name} {a} {b}{' swapped' * swapped}")


def _round(name: str) -> Callable[[Any], Any]:
    return getattr(lax, name)


_UNARY: Sequence[tuple[str, Callable[[Any], Any]]] = (
    *(
        (name, _round(name))
        for name in ["neg", "abs", "sign", "square", "sqrt", "rsqrt", "exp", "exp2", "expm1"]
    ),
    *(
        (name, _round(name))
        for name in ["log", "log1p", "tanh", "logistic", "erf", "sin", "cos", "floor", "ceil"]
    ),
    ("integer_pow 1", lambda x: lax.integer_pow(x, 1)),
    ("integer_pow 2", lambda x: lax.integer_pow(x, 2)),
    ("integer_pow 3", lambda x: lax.integer_pow(x, 3)),
    ("integer_pow 4", lambda x: lax.integer_pow(x, 4)),
    ("copy", jnp.copy),
    ("gradient", lambda x: jax.vjp(lambda y: y * y, x)[1](x)[0]),  # a sum by `add_any`
    ("optimization_barrier", lambda x: lax.optimization_barrier((x, x))[1]),
    ("clamp", lambda x: lax.clamp(x.dtype.type(-1), x, x.dtype.type(2))),
)
_OF_INTEGERS = ("neg", "abs", "sign", "square", "copy", "integer_pow 2", "optimization_barrier")


def _unary(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = _one(choose, kinds, lambda dtype: dtype.kind != "b")
    if a is None:
        return
    shape, dtype = kinds[a]
    name, function = _UNARY[choose(len(_UNARY))]
    if not is_float(dtype) and (name not in _OF_INTEGERS or dtype.kind == "u"):
        return
    _add(drawn, kinds, lambda known: function(known[a]), (shape, dtype), f"{name} {a}")


_RELATIONS = ("eq", "ne", "lt", "le", "gt", "ge")


def _comparison(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a, b = choose(len(kinds)), choose(len(kinds))
    shape, dtype = kinds[a]
    bools = (shape, np.dtype(bool))
    if is_float(dtype) and choose(6) == 0:
        _add(drawn, kinds, lambda known: lax.is_finite(known[a]), bools, f"is_finite {a}")
        return
    name = _RELATIONS[choose(6)]
    function = getattr(lax, name)

    def step(known: list[Any]) -> Any:
        return function(known[a], _like(known[b], shape, dtype))

    _add(drawn, kinds, step, bools, f"{name} {a} {b}")


def _logic(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = _one(choose, kinds, lambda dtype: dtype.kind in "bi")
    if a is None:
        return
    shape, dtype = kinds[a]
    b = choose(len(kinds))
    name = ("bitwise_and", "bitwise_or", "bitwise_not")[choose(3)]
    function = getattr(lax, name)

    def step(known: list[Any]) -> Any:
        if name == "bitwise_not":
            return function(known[a])
        return function(known[a], _like(known[b], shape, dtype))

    _add(drawn, kinds, step, (shape, dtype), f"{name} {a} {b}")


def _selection(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    chosen = _one(choose, kinds, lambda dtype: dtype.kind == "b")
    if chosen is None:
        return
    a, b = choose(len(kinds)), choose(len(kinds))
    shape, dtype = kinds[a]
    places = kinds[chosen][0]

    def step(known: list[Any]) -> Any:
        other = _like(known[b], shape, dtype)
        predicate = known[chosen]
        if places != shape and places != ():
            predicate = predicate[0]
        return lax.select_n(predicate, known[a], other)

    _add(drawn, kinds, step, (shape, dtype), f"select {chosen} {a} {b}")


def _guard(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    """Look at a number, compute with it, and take the result only where the number allows it."""
    a = _one(choose, kinds, lambda dtype: dtype.kind != "b")
    if a is None:
        return
    shape, dtype = kinds[a]
    b = choose(len(kinds))
    relation = getattr(lax, _RELATIONS[choose(6)])
    name = _NUMBERS[choose(6)]
    function = _named(name, dtype)
    limit = (0, 1, 2, 3)[choose(4)]
    mirrored, negated, swapped = (bool(choose(2)) for _ in range(3))

    def step(known: list[Any]) -> Any:
        x = known[a]
        bound = jnp.full(shape, limit, dtype)
        test = relation(bound, x) if mirrored else relation(x, bound)
        test = lax.bitwise_not(test) if negated else test
        other = _like(known[b], shape, dtype)
        result = function(other, x) if swapped else function(x, other)
        return jnp.where(test, result, bound)

    words = f"guard {a}: {relation.__name__} {limit} {mirrored} {negated}: {name} {b} {swapped}"
    _add(drawn, kinds, step, (shape, dtype), words)


def _conversion(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = choose(len(kinds))
    dtype = DTYPES[choose(len(DTYPES))]

    def step(known: list[Any]) -> Any:
        return lax.convert_element_type(known[a], dtype)

    _add(drawn, kinds, step, (kinds[a][0], dtype), f"convert {a} to {dtype}")


def _constant(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    dtype = DTYPES[choose(len(DTYPES))]
    number = (0, 1, -0.0, 0.5, 2, 1e-8, 0.999)[choose(7)]
    array = np.asarray(number).astype(dtype)
    shape = (SIZE,) if choose(2) else ()
    _add(drawn, kinds, lambda known: jnp.full(shape, array), (shape, dtype), f"{number} of {dtype}")


def _movement(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = choose(len(kinds))
    shape, dtype = kinds[a]
    b = choose(len(kinds))
    moves: list[tuple[str, Callable[[Any, Any], Any]]] = [
        ("mixed", lambda x, y: x.reshape(2, -1).T.reshape(-1)),
        ("reversed", lambda x, y: lax.rev(x, (0,))),
        ("rolled", lambda x, y: jnp.concatenate([x[2:], x[:2]])),
        ("joined", lambda x, y: jnp.concatenate([x[2:], y[:2]])),
        ("sorted", lambda x, y: lax.sort(x)),
        ("padded", lambda x, y: lax.pad(x[1:], y[0], [(1, 0, 0)])),
        ("updated", lambda x, y: lax.dynamic_update_slice(x, y[:2], (jnp.int32(3),))),
        ("sliced", lambda x, y: lax.dynamic_slice(x, (jnp.int32(0),), (SIZE,))),
        ("taken", lambda x, y: x.at[jnp.array([3, 1, 0, 9, 2, 2, 7, -1])].get(mode="fill")),
        ("clipped", lambda x, y: x.at[jnp.array([3, 1, 0, 9, 2, 2, 7, -1])].get(mode="clip")),
        ("set", lambda x, y: x.at[jnp.array([3, 1])].set(y[:2])),
        ("added", lambda x, y: x.at[jnp.array([3, 1])].add(y[:2])),
        ("squeezed", lambda x, y: lax.squeeze(lax.expand_dims(x, (0,)), (0,))),
        ("split", lambda x, y: jnp.concatenate(lax.split(x, (3, SIZE - 3))[::-1])),
    ]
    name, move = moves[choose(len(moves))]
    if shape == () or (name in ("added",) and dtype.kind == "b"):
        return

    def step(known: list[Any]) -> Any:
        return move(known[a], _like(known[b], shape, dtype))

    _add(drawn, kinds, step, (shape, dtype), f"{name} {a} {b}")


def _reduction(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = choose(len(kinds))
    shape, dtype = kinds[a]
    if shape == ():
        return
    if dtype.kind == "b":
        name = ("all", "any")[choose(2)]
        function = getattr(jnp, name)
        _add(drawn, kinds, lambda known: function(known[a]), ((), dtype), f"{name} {a}")
        return
    name = (
        "reduce_sum",
        "reduce_max",
        "reduce_min",
        "cumsum",
        "cummax",
        "cummin",
        "argmax",
        "argmin",
    )[choose(8)]
    if name == "reduce_sum":
        step: Pick = lambda known: lax.reduce_sum(known[a], (0,))  # noqa: E731
        kind = ((), dtype)
    elif name in ("reduce_max", "reduce_min"):
        reduce = getattr(lax, name)
        step, kind = (lambda known: reduce(known[a], (0,))), ((), dtype)
    elif name in ("argmax", "argmin"):
        place = getattr(lax, name)
        step = lambda known: place(known[a], 0, np.int32)  # noqa: E731
        kind = ((), np.dtype("int32"))
    else:
        along = getattr(lax, name)
        step, kind = (lambda known: along(known[a], 0)), (shape, dtype)
    _add(drawn, kinds, step, kind, f"{name} {a}")


def _product(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    a = _one(choose, kinds, lambda dtype: dtype.kind != "b")
    if a is None or kinds[a][0] == ():
        return
    shape, dtype = kinds[a]
    b = choose(len(kinds))

    how = ("dot", "convolution", "sum over devices")[choose(3) if is_float(dtype) else 0]

    def step(known: list[Any]) -> Any:
        x, y = known[a], _like(known[b], shape, dtype)
        if how == "dot":
            return lax.dot(x, y)
        if how == "convolution":
            return lax.conv(x[None, None], y[None, None, :3], (1,), "SAME")[0, 0]
        return _over_devices(x)

    kind = ((), dtype) if how == "dot" else (shape, dtype)
    _add(drawn, kinds, step, kind, f"{how} {a} {b}")


def _over_devices(x: Any) -> Any:
    """Sum over the one device that there is, inside a sharded function."""
    mesh = jax.make_mesh((1,), ("device",), axis_types=(AxisType.Auto,))
    along, whole = PartitionSpec("device"), PartitionSpec()
    summed = jax.shard_map(
        lambda part: lax.psum(part, "device"), mesh=mesh, in_specs=along, out_specs=whole
    )
    return jax.jit(summed)(x)


# Control flow


def _body(choose: Choose, kinds: Kinds, depth: int, results: Kinds) -> tuple[Drawn, list[int]]:
    """Draw the inside of a loop or branch, and which of what it knows are its results."""
    inner, known = Drawn(), list(kinds)
    for _ in range(1 + choose(3)):
        _draw_step(choose, inner, known, depth + 1)
    return inner, [len(known) - 1 - choose(min(3, len(known))) for _ in results]


def _results(inner: Drawn, places: Sequence[int], results: Kinds, known: list[Any]) -> list[Any]:
    everything = [*known, *inner(*known)]
    return [_like(everything[place], *kind) for place, kind in zip(places, results, strict=True)]


def _said(inner: Drawn, places: Sequence[int]) -> str:
    inside = "; ".join(inner.words)
    return f"{{{inside} → {list(places)}}}"


def _branch(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    chosen, result = choose(len(kinds)), kinds[choose(len(kinds))]
    first, second = (_body(choose, kinds, depth, [result]) for _ in range(2))

    def step(known: list[Any]) -> Any:
        predicate = _like(known[chosen], (), np.dtype(bool))
        return lax.cond(
            predicate,
            *(
                partial(
                    lambda known, inner, places: _results(inner, places, [result], known)[0],
                    inner=inner,
                    places=places,
                )
                for inner, places in (first, second)
            ),
            known,
        )

    _add(drawn, kinds, step, result, f"cond {chosen} {_said(*first)} {_said(*second)}")


def _loop(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    carried = choose(len(kinds))
    result = kinds[carried]
    inner, places = _body(choose, kinds, depth, [result])
    rounds = choose(4)

    def step(known: list[Any]) -> Any:
        def body(state: Any) -> Any:
            count, carry = state
            inside = [*known[:carried], carry, *known[carried + 1 :]]
            return count + 1, _results(inner, places, [result], inside)[0]

        return lax.while_loop(
            lambda state: state[0] < rounds, body, (jnp.int32(0), known[carried])
        )[1]

    _add(drawn, kinds, step, result, f"while {carried} < {rounds} {_said(inner, places)}")


def _scan(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    carried, stacked = choose(len(kinds)), choose(len(kinds))
    result = kinds[carried]
    dtype = kinds[stacked][1]
    scalars: Kinds = [
        (shape if n != stacked else (), kind) for n, (shape, kind) in enumerate(kinds)
    ]
    inner, places = _body(choose, scalars, depth, [result, ((), dtype)])
    taken = bool(choose(2))
    if carried == stacked:
        return

    def step(known: list[Any]) -> Any:
        def body(carry: Any, element: Any) -> Any:
            inside = list(known)
            inside[carried], inside[stacked] = carry, element
            carry, produced = _results(inner, places, [result, ((), dtype)], inside)
            # JAX would hand on the whole of what is only put together again, and not so eagerly.
            return carry, lax.optimization_barrier(produced)

        elements = _like(known[stacked], (SIZE,), dtype)
        carry, produced = lax.scan(body, known[carried], elements, reverse=taken)
        return carry if taken else produced

    kind = result if taken else ((SIZE,), dtype)
    _add(drawn, kinds, step, kind, f"scan {carried} over {stacked} {_said(inner, places)}")


def _call(choose: Choose, drawn: Drawn, kinds: Kinds, depth: int) -> None:
    result = kinds[choose(len(kinds))]
    inner, places = _body(choose, kinds, depth, [result])

    def called(*known: Any) -> Any:
        return _results(inner, places, [result], list(known))[0]

    how = ("jit", "checkpoint", "custom_jvp", "custom_vjp")[choose(4)]
    wraps: dict[str, Callable[[Any], Any]] = {
        "jit": jax.jit,
        "checkpoint": jax.checkpoint,
        "custom_jvp": jax.custom_jvp,
        "custom_vjp": jax.custom_vjp,
    }

    def step(known: list[Any]) -> Any:
        wrapped = wraps[how](lambda *known: called(*known))
        if how == "custom_jvp":
            wrapped.defjvp(lambda primals, tangents: (called(*primals), called(*tangents)))
        if how == "custom_vjp":
            wrapped.defvjp(lambda *known: (called(*known), known), lambda known, g: known)
        return wrapped(*known)

    _add(drawn, kinds, step, result, f"{how} {_said(inner, places)}")
