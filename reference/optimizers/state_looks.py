"""Notices where a program asks what the state of its optimizer is.

Most programs hand the state on as a pytree, as Flax and Optax do, and do the same whatever it is.
One that takes a part out of it, or asks for its type, gets another answer from a state that keeps
more than that of a real optimizer. Such states call `notice` when they are asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

#: Packages that ask of every node of a pytree, or of every field, whether it is one of their own.
_WALK = (
    "equinox",
    "jax",
    "flax",
    "numpy",
    "frostproof.reference.observation",
    "frostproof.reference.optimizers",
    "frostproof.reference.pytrees",
    "frostproof.reference.subjects",
)
#: Packages that find a part wherever in a state it is.
_SEARCH = ("optax", "orbax")
#: Modules by which somebody else asks.
_IN_BETWEEN = ("abc", "collections", "copy", "functools", "typing")

Answer = TypeVar("Answer")

#: How often any program was noticed so far.
_looks = 0


def notice() -> None:
    """Note that the caller's caller asks what a state is, unless it asks that of every node.

    It does where something is looked for among all nodes, too: by Optax, or by a function that JAX
    calls for each.
    """
    global _looks
    frame = sys._getframe(2)
    while frame.f_back is not None and _is_within(_module(frame), _IN_BETWEEN):
        frame = frame.f_back
    module, caller = _module(frame), _module(frame.f_back) if frame.f_back is not None else ""
    if not (_is_within(module, (*_WALK, *_SEARCH)) or _is_within(caller, ("jax",))):
        _looks += 1


def _module(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_within(module: str, packages: Sequence[str]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)


#: Programs that were seen to look, by the identity of the function that does.
_lookers: dict[int, Callable[..., Any]] = {}
#: Programs that were seen to raise whatever is in their state: they are not tried again.
_raising: dict[int, Callable[..., Any]] = {}


def is_looker(function: Callable[..., Any]) -> bool:
    """Tell whether a program was seen to look at the state of its optimizer."""
    return id(function) in _lookers


def as_it_would(function: Callable[..., Any], run: Callable[[], Answer]) -> Answer:
    """Return what a run of a program answers that finds nothing in its state but the optimizer's.

    A program that looks is a looker from now on, and runs once more: `run` has to hand it the
    optimizer as it is. So does one that raises only if it finds more, as where it asks JAX for the
    leaves, which nobody notices.

    Args:
        function: that which looks, by which the program is known.
        run: runs the program; what it answers may have an exception that ended it, `raised`.
    """
    start = _looks
    try:
        answer = run()
    except BaseException:
        if is_looker(function) or _looks == start:
            raise
    else:
        may_find_more = _raised(answer) and id(function) not in _raising
        if is_looker(function) or not (may_find_more or _looks > start):
            return answer
    _lookers[id(function)] = function
    again = run()
    if _looks == start and _raised(again):
        _raising[id(function)] = _lookers.pop(id(function))
        return answer
    return again


def _raised(answer: Any) -> bool:
    return getattr(answer, "raised", None) is not None
