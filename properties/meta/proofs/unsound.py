"""Whether what the prover says of a program is true of the arrays that it computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from unittest import mock

import jax
import ml_dtypes
import numpy as np
from jax._src import shard_map
from jax.extend.core import jaxpr_as_fun

from frostproof.properties.meta.proofs.random_programs.draft import Drawn
from frostproof.properties.proofs.interpretation.domain import Level, Range, Value
from frostproof.properties.proofs.interpretation.floats import is_float
from frostproof.properties.proofs.interpretation.interpreter import Interpreter

#: Outside jit a `shard_map` makes the functions that split and join its arrays anew at each call,
#: and compiles them each time (JAX 0.10.2), which took half of all evaluations: equal ones are one.
_SHARED = mock.patch.object(shard_map, "HashablePartial", cache(shard_map.HashablePartial))


def unsound_claims(drawn: Sequence[Drawn], *, jitted: int | None = None) -> Iterator[str]:
    """Yield every claim about these programs that is not true.

    All are evaluated equation by equation, and the first `jitted` of them (by default all) also
    compiled, together.
    """
    count = len(drawn) if jitted is None else jitted
    traced = [jax.make_jaxpr(each)(*arrays(each, 0)) for each in drawn]
    claims = [
        Interpreter().run(jaxpr, [each.value for each in program.inputs])
        for jaxpr, program in zip(traced, drawn, strict=True)
    ]
    compiled = _together([jaxpr_as_fun(jaxpr) for jaxpr in traced[:count]])
    for changed in range(-1, 3):
        arguments = [changed_arrays(each, changed) for each in drawn]
        with jax.disable_jit(), _SHARED:  # loops and branches, too, equation by equation
            answers = {"eager": [f(*a) for f, a in zip(drawn, arguments, strict=True)]}
        if count:
            answers["jitted"] = compiled(arguments[:count])
        if changed == -1:
            plain = answers
        for how, answer in answers.items():
            for program, values, outputs, before, inputs in zip(
                drawn, claims, answer, plain[how], arguments, strict=False
            ):
                for number, (value, output) in enumerate(zip(values, outputs, strict=True)):
                    found = wrong(value, np.asarray(output), inputs)
                    bytes_now, bytes_then = (
                        np.asarray(each).tobytes() for each in (output, before[number])
                    )
                    independent = changed >= 0 and not value.reads & (1 << changed)
                    if independent and bytes_now != bytes_then:
                        found = f"it depends on input {changed}"
                    if found:
                        place = number + len(program.inputs)
                        yield f"{how}, {place}: {found}\n{_shown(program, inputs)}"


def _together(functions: Sequence[Any]) -> Any:
    """Compile the programs as one: most of the time goes to the number of compilations."""
    return jax.jit(
        lambda all_arguments: [f(*a) for f, a in zip(functions, all_arguments, strict=True)]
    )


def arrays(program: Drawn, which: int) -> list[Any]:
    """Return the inputs of a program, in one of two fillings."""
    return [jax.numpy.asarray(each.arrays[which]) for each in program.inputs]


def changed_arrays(program: Drawn, changed: int) -> list[Any]:
    """Return the inputs, one of them filled with other numbers."""
    filled = [each.arrays[number == changed] for number, each in enumerate(program.inputs)]
    return [jax.numpy.asarray(each) for each in filled]


def _shown(program: Drawn, inputs: Sequence[Any]) -> str:
    given = [
        f"{n}: {array.dtype} {np.asarray(array).tolist()} in {each.value.range}"
        for n, (each, array) in enumerate(zip(program.inputs, inputs, strict=True))
    ]
    return "\n".join([*given, str(program)])


def wrong(value: Value, output: np.ndarray, inputs: Sequence[Any]) -> str:
    """Say which claim about a value is not true of what was computed; empty if all are."""
    if value.shape != output.shape or value.dtype != output.dtype:
        return f"it is {output.dtype}{output.shape}, not {value.dtype}{value.shape}"
    if value.range is not None and (outside := _outside(value.range, output)):
        return f"{outside} is not in {value.range}"
    for source, level in value.same.items():
        if source.number >= 0 and not _equal(output, np.asarray(inputs[source.number]), level):
            return f"it is not {level.name} of input {source.number}: {output.tolist()}"
    return ""


def _outside(bounds: Range, output: np.ndarray) -> str:
    wide = output.astype(np.float64) if output.dtype.kind != "i" else output
    nan = np.isnan(wide)
    if nan.any() and not bounds.nan:
        return "NaN"
    numbers = wide[~nan]
    for number in numbers:
        if not bounds.low <= number <= bounds.high:
            return repr(number)
        if number == 0 and is_float(output.dtype):
            minus = bool(np.signbit(number))
            if not (bounds.minus_zero if minus else bounds.plus_zero):
                return repr(number)
        if number == 0 and not is_float(output.dtype) and not bounds.plus_zero:
            return repr(number)
    return ""


def _equal(output: np.ndarray, source: np.ndarray, level: Level) -> bool:
    if output.shape != source.shape:
        return False
    if level is Level.BITS:
        return output.dtype == source.dtype and output.tobytes() == source.tobytes()
    if not is_float(source.dtype):
        return bool((output.astype(np.float64) == source.astype(np.float64)).all())
    tiny = max(
        float(ml_dtypes.finfo(each.dtype).tiny) for each in (output, source) if is_float(each.dtype)
    )
    a, b = output.astype(np.float64), source.astype(np.float64)
    nan = np.isnan(a) & np.isnan(b)
    subnormal = (np.abs(a) < tiny) & (np.abs(b) < tiny)
    signs = np.signbit(a) == np.signbit(b)
    if level is Level.SIGNED:
        return bool((nan | (subnormal & signs) | ((a == b) & signs)).all())
    return bool((nan | subnormal | (a == b)).all())
