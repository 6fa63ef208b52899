"""A frozen set that depends on the step: gradual unfreezing, or networks that train in turns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

from .paths import Frozen, UnusableFrozen

#: What is frozen in a step; steps are counted from 1.
Phases = Callable[[int], Frozen]
#: The longest run, unless a trainer asks for longer ones: all its phases are looked at beforehand.
LONGEST = 64


def has_phases(frozen: Any) -> TypeGuard[Phases]:
    """Tell whether `frozen` is a function of the step, and not a predicate on paths."""
    return depends_on_step(frozen)


def depends_on_step(value: Any) -> bool:
    """Tell whether a value is a function whose first argument is called `step`, and whose others
    have defaults, such as those that `functools.partial` gives.
    """
    if not callable(value) or isinstance(value, type):
        return False
    try:
        arguments = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return False
    first = [each.name for each in arguments[:1]]
    return first == ["step"] and arguments[:1] == [each for each in arguments if _is_needed(each)]


def _is_needed(argument: inspect.Parameter) -> bool:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return argument.default is inspect.Parameter.empty and argument.kind not in several


def at_step(frozen: Frozen | Phases, step: int) -> Frozen:
    """Return what is frozen in a step, counted from 1."""
    return frozen(step) if has_phases(frozen) else frozen  # type: ignore[return-value]


def beginnings(frozen: Frozen | Phases, runs: Iterable[int] = ()) -> dict[int, Frozen]:
    """Return all that is frozen in some step of the longest run, by the first step in which it is.

    Args:
        frozen: what is frozen, whether it depends on the step or not.
        runs: how many steps runs may take, where one takes more than `LONGEST`.

    Raises:
        TypeError: where the function raises for one of the steps.
    """
    if not has_phases(frozen):
        return {1: frozen}  # type: ignore[dict-item]
    found: dict[int, Frozen] = {}
    longest = max(LONGEST, *runs, 0)
    for step in range(1, longest + 1):
        try:
            now = frozen(step)
        except Exception as error:
            raise UnusableFrozen(
                f"`frozen` raises {type(error).__name__} for step {step} ({error}): it is called "
                f"for the steps 1 to {longest}"
            ) from error
        if now not in found.values():
            found[step] = now
    return found
