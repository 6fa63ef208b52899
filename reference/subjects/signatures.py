"""Checks how a user's functions are called: whether their arguments bind, and which would."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class UnusableSubject(ValueError):
    """The code cannot be judged: its kind is unknown, or its arguments do not bind."""


def binds(fn: Callable[..., Any], count: int) -> bool:
    """Tell whether a callable takes this many positional arguments."""
    try:
        inspect.signature(fn).bind(*range(count))
    except (TypeError, ValueError):  # ValueError: a builtin without a signature
        return False
    return True


def require_call(fn: Any, name: str, *calls: str) -> None:
    """Raise `UnusableSubject` where a function cannot be called in any of these ways.

    A function without a signature, as some of C are, is taken as it is.

    Args:
        fn: the user's function.
        name: its name in messages, such as "an Optax wrapper".
        calls: the ways to call it, such as "fn(optimizer, mask)".
    """
    said = f"{name} is called as {' or '.join(calls)}"
    if not callable(fn):
        raise UnusableSubject(f"{said}: {fn!r} is not a function")
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return
    counts = [call.count(",") + 1 for call in calls]
    if any(binds(fn, count) for count in counts):
        if _has_another_order(signature, calls):
            raise UnusableSubject(f"{said}, by position: {signature_of(fn)} has another order")
        return
    try:
        signature.bind(*range(counts[0]))
    except TypeError as error:
        raise UnusableSubject(
            f"{said}: {signature_of(fn)} does not take {_NUMBERS[counts[0]]} positional argument"
            f"{'s' * (counts[0] > 1)} ({error})"
        ) from None


def _has_another_order(signature: inspect.Signature, calls: Collection[str]) -> bool:
    """Tell whether arguments have the names of those of a call, and are not in its order."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [each.name for each in signature.parameters.values() if each.kind in positional]
    wanted = [call[call.index("(") + 1 : -1].split(", ") for call in calls]
    return own not in wanted and sorted(own) in map(sorted, wanted)


def unknown_argument(function: str, name: str, taken: Sequence[str]) -> str:
    """Say what a function takes in place of an argument, the most alike first."""
    close = " or ".join(f"`{each}`" for each in get_close_matches(name, taken, n=2))
    hint = f" (did you mean {close}?)" if close else ""
    return f"`{function}` has no argument `{name}`{hint}: it takes {', '.join(taken)}"


def require_collection(name: str, value: Any) -> None:
    """Raise `UnusableSubject` for anything but a collection of strings, and for a string."""
    if not isinstance(value, Collection) or isinstance(value, str | Mapping):
        hint = f": write ({value!r},)" if isinstance(value, str) else ""
        raise UnusableSubject(f"`{name}` must be a collection of names, got {value!r}{hint}")
    for entry in value:
        if not isinstance(entry, str):
            raise UnusableSubject(f"`{name}` must hold names, which are strings, got {entry!r}")


_NUMBERS = ("no", "one", "two", "three", "four")


def place_of(fn: Callable[..., Any]) -> str:
    """Return where a function is defined, as " (file, line N)"; empty where Python has no code."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return f" ({Path(code.co_filename).name}, line {code.co_firstlineno})" if code else ""


def form_of(answer: Any) -> str:
    """Show an answer by its types: `None`, `Linear`, `(Array, TrainState)`."""
    if answer is None:
        return "None"
    if type(answer) in (tuple, list):
        return f"({', '.join(map(form_of, answer))})"
    # JAX's arrays are of a class that no documentation names; the law book is read without JAX.
    return type(answer).__name__.replace("ArrayImpl", "Array")


def signature_of(fn: Callable[..., Any]) -> str:
    """Show a callable with its arguments, for a message."""
    name = getattr(fn, "__name__", type(fn).__name__)
    try:
        return f"{name}{inspect.signature(fn)}"
    except (TypeError, ValueError):
        return name
