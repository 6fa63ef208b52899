"""Steps that compute each element from the elements in the same place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from frostproof.properties.proofs.interpretation.floats import is_float

from .draft import DTYPES, SIZE, Draft, binary_function, like

_NUMBERS = ("add", "sub", "mul", "div", "max", "min")


def binary(draft: Draft) -> None:
    a = draft.a_number()
    if a is None:
        return
    shape, dtype = draft.kinds[a]
    b = draft.any() if draft.choose(5) else a
    name = (*_NUMBERS, "pow")[draft.choose(7)]
    if name == "pow" and not is_float(dtype):
        name = "mul"
    function = binary_function(name, dtype)
    swapped = bool(draft.choose(2))

    def step(known: list[Any]) -> Any:
        x, y = known[a], known[a] if b == a else like(known[b], shape, dtype)
        return function(y, x) if swapped else function(x, y)

    draft.add(step, (shape, dtype), f"{name} {a} {b}{' swapped' * swapped}")


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


def unary(draft: Draft) -> None:
    a = draft.a_number()
    if a is None:
        return
    shape, dtype = draft.kinds[a]
    name, function = _UNARY[draft.choose(len(_UNARY))]
    if not is_float(dtype) and (name not in _OF_INTEGERS or dtype.kind == "u"):
        return
    draft.add(lambda known: function(known[a]), (shape, dtype), f"{name} {a}")


_NEUTRAL: Sequence[tuple[str, Callable[[Any], Any]]] = (
    ("x + 0", lambda x: x + jnp.zeros_like(x)),
    ("0 + x", lambda x: jnp.zeros_like(x) + x),
    ("x + −0", lambda x: x + jnp.full_like(x, -0.0)),
    ("x − 0", lambda x: x - jnp.zeros_like(x)),
    ("x − −0", lambda x: x - jnp.full_like(x, -0.0)),
    ("x · 1", lambda x: x * jnp.ones_like(x)),
    ("1 · x", lambda x: jnp.ones_like(x) * x),
    ("x / 1", lambda x: x / jnp.ones_like(x)),
    ("max(x, x)", lambda x: lax.max(x, x)),
    ("min(x, x)", lambda x: lax.min(x, x)),
    ("copied", jnp.copy),
    ("x ** 1", lambda x: lax.integer_pow(x, 1)),
)


def neutral(draft: Draft) -> None:
    """Compute what may be the number that it is computed from, of an input rather than others."""
    a = draft.choose(3) if draft.choose(2) else draft.any()
    shape, dtype = draft.kinds[a]
    name, function = _NEUTRAL[draft.choose(len(_NEUTRAL))]
    if is_float(dtype):
        draft.add(lambda known: function(known[a]), (shape, dtype), f"{name}: {a}")


def sum_of_gradients(draft: Draft) -> None:
    """Add by `add_any`, as the gradient of an array that is used twice is."""
    a = draft.one(is_float)
    if a is None:
        return
    shape, dtype = draft.kinds[a]
    b = draft.any()

    def step(known: list[Any]) -> Any:
        _, gradient = jax.vjp(lambda x: (x, x), known[a])
        return gradient((known[a], like(known[b], shape, dtype)))[0]

    draft.add(step, (shape, dtype), f"add_any {a} {b}")


_RELATIONS = ("eq", "ne", "lt", "le", "gt", "ge")


def comparison(draft: Draft) -> None:
    a, b = draft.any(), draft.any()
    shape, dtype = draft.kinds[a]
    bools = (shape, np.dtype(bool))
    if is_float(dtype) and draft.choose(6) == 0:
        draft.add(lambda known: lax.is_finite(known[a]), bools, f"is_finite {a}")
        return
    name = _RELATIONS[draft.choose(6)]
    function = getattr(lax, name)

    def step(known: list[Any]) -> Any:
        return function(known[a], like(known[b], shape, dtype))

    draft.add(step, bools, f"{name} {a} {b}")


def logic(draft: Draft) -> None:
    a = draft.one(lambda dtype: dtype.kind in "bi")
    if a is None:
        return
    shape, dtype = draft.kinds[a]
    b = draft.any()
    name = ("bitwise_and", "bitwise_or", "bitwise_not")[draft.choose(3)]
    function = getattr(lax, name)

    def step(known: list[Any]) -> Any:
        if name == "bitwise_not":
            return function(known[a])
        return function(known[a], like(known[b], shape, dtype))

    draft.add(step, (shape, dtype), f"{name} {a} {b}")


def selection(draft: Draft) -> None:
    chosen = draft.one(lambda dtype: dtype.kind == "b")
    if chosen is None:
        return
    a, b = draft.any(), draft.any()
    shape, dtype = draft.kinds[a]
    places = draft.kinds[chosen][0]

    def step(known: list[Any]) -> Any:
        other = like(known[b], shape, dtype)
        predicate = known[chosen]
        if places != shape and places != ():
            predicate = predicate[0]
        return lax.select_n(predicate, known[a], other)

    draft.add(step, (shape, dtype), f"select {chosen} {a} {b}")


def guard(draft: Draft) -> None:
    """Look at a number, compute with it, and take the result only where the number allows it."""
    a = draft.a_number()
    if a is None:
        return
    shape, dtype = draft.kinds[a]
    b = draft.any()
    relation = getattr(lax, _RELATIONS[draft.choose(6)])
    name = _NUMBERS[draft.choose(6)]
    function = binary_function(name, dtype)
    limit = (0, 1, 2, 3)[draft.choose(4)]
    mirrored, negated, swapped = (bool(draft.choose(2)) for _ in range(3))

    def step(known: list[Any]) -> Any:
        x = known[a]
        bound = jnp.full(shape, limit, dtype)
        test = relation(bound, x) if mirrored else relation(x, bound)
        test = lax.bitwise_not(test) if negated else test
        other = like(known[b], shape, dtype)
        result = function(other, x) if swapped else function(x, other)
        return jnp.where(test, result, bound)

    words = f"guard {a}: {relation.__name__} {limit} {mirrored} {negated}: {name} {b} {swapped}"
    draft.add(step, (shape, dtype), words)


def conversion(draft: Draft) -> None:
    a = draft.any()
    dtype = DTYPES[draft.choose(len(DTYPES))]

    def step(known: list[Any]) -> Any:
        return lax.convert_element_type(known[a], dtype)

    draft.add(step, (draft.kinds[a][0], dtype), f"convert {a} to {dtype}")


def constant(draft: Draft) -> None:
    dtype = DTYPES[draft.choose(len(DTYPES))]
    number = (0, 1, -0.0, 0.5, 2, 1e-8, 0.999)[draft.choose(7)]
    array = np.asarray(number).astype(dtype)
    shape = (SIZE,) if draft.choose(2) else ()
    draft.add(lambda known: jnp.full(shape, array), (shape, dtype), f"{number} of {dtype}")


def count(draft: Draft) -> None:
    """Count 0, 1, … along a new array."""
    dtype = DTYPES[draft.choose(len(DTYPES))]
    if dtype.kind != "b":
        draft.add(lambda known: lax.iota(dtype, SIZE), ((SIZE,), dtype), f"iota of {dtype}")
