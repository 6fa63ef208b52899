"""What a jaxpr computes, in a form in which two of them can be compared."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

_ADDRESS = re.compile("0x[0-9a-f]+")


def equations(jaxpr: Any) -> Hashable:
    """Return the equations of a jaxpr with all that they hold.

    How weakly a number is typed, and where objects are in memory, changes nothing that is computed.
    """
    if isinstance(jaxpr, ClosedJaxpr):
        jaxpr = jaxpr.jaxpr
    fresh = itertools.count()
    numbers: dict[Any, int] = {}

    def number(variable: Any) -> Hashable:
        if isinstance(variable, Literal):
            # A Python number stands for that of the dtype which it rounds to.
            rounded = np.asarray(variable.val, getattr(variable.aval, "dtype", None))
            return repr(rounded), _form(variable)
        if variable not in numbers:
            numbers[variable] = next(fresh)
        return numbers[variable]

    found: list[Hashable] = [number(each) for each in (*jaxpr.constvars, *jaxpr.invars)]
    for each in jaxpr.eqns:
        operands, outputs = each.invars, each.outvars
        if _is_empty(each) and isinstance(number(operands[0]), int):
            numbers[outputs[0]] = numbers[operands[0]]
            continue
        params = tuple((key, _param(value)) for key, value in sorted(each.params.items()))
        computed = tuple((number(out), _form(out)) for out in outputs)
        found.append((each.primitive.name, params, tuple(map(number, operands)), computed))
    return tuple(found), tuple(map(number, jaxpr.outvars))


def _is_empty(equation: Any) -> bool:
    """Tell whether an equation converts an array to the dtype that it has."""
    converts = equation.primitive.name == "convert_element_type"
    return converts and _form(equation.invars[0]) == _form(equation.outvars[0])


def _form(variable: Any) -> Hashable:
    return getattr(variable.aval, "shape", None), str(getattr(variable.aval, "dtype", None))


def _param(value: Any) -> Hashable:
    if isinstance(value, ClosedJaxpr | Jaxpr):
        return equations(value)
    if isinstance(value, tuple | list):
        return tuple(map(_param, value))
    return _ADDRESS.sub("", str(value))
