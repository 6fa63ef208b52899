"""A program, and what is known of it while it is drawn.

A program is drawn by a function that answers "which of n?": Hypothesis is one such function, and
shrinks; a seeded generator is another one, and is fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from frostproof.properties.proofs.interpretation.domain import Value
from frostproof.properties.proofs.interpretation.floats import is_float

#: Answers with a number from 0 to below n.
Choose = Callable[[int], int]
#: The shape and dtype of an array.
Kind = tuple[tuple[int, ...], Any]
#: Computes one array from all that there are.
Step = Callable[[list[Any]], Any]

SIZE = 8
DTYPES = tuple(
    map(np.dtype, ("float32", "float32", "bfloat16", "float16", "int32", "bool", "uint8"))
)


@dataclass
class Input:
    """An input: what may be assumed of it, and concrete arrays of which that is true."""

    value: Value
    arrays: tuple[np.ndarray, np.ndarray]


@dataclass
class Drawn:
    """A program: its inputs, and a function from them to all that it computes on the way."""

    inputs: list[Input] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return all that is computed, one after the other."""
        known = list(arrays)
        for step in self.steps:
            known.append(step(known))
        return known[len(arrays) :]

    def __str__(self) -> str:
        return "\n".join(self.words)


@dataclass
class Draft:
    """A program that grows, or the inside of a loop or branch of one."""

    choose: Choose
    #: Of the inputs, and of all that is computed so far.
    kinds: list[Kind] = field(default_factory=list)
    #: How many loops and branches it is inside of.
    depth: int = 0
    drawn: Drawn = field(default_factory=Drawn)

    def add(self, step: Step, kind: Kind, words: str) -> None:
        """Compute one more array."""
        self.drawn.steps.append(step)
        self.drawn.words.append(f"{len(self.kinds)}: {words}")
        self.kinds.append(kind)

    def any(self) -> int:
        """Pick one of the arrays."""
        return self.choose(len(self.kinds))

    def one(self, accepted: Callable[[Any], bool]) -> int | None:
        """Pick one of the arrays whose dtype is accepted, the later ones more often."""
        fitting = [number for number, (_, dtype) in enumerate(self.kinds) if accepted(dtype)]
        if not fitting:
            return None
        place = max(self.choose(len(fitting)), self.choose(len(fitting)))
        return fitting[place]

    def a_number(self) -> int | None:
        """Pick one of the arrays that can be computed with."""
        return self.one(lambda dtype: dtype.kind != "b")


#: Adds a step of a kind to a draft, or nothing where the arrays that it picks do not allow one.
Family = Callable[[Draft], None]


def like(array: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Bring an array into a shape and dtype, by as few equations as it takes."""
    if array.dtype != dtype:
        array = lax.convert_element_type(array, dtype)
    if array.shape != shape:
        array = array[0] if shape == () else jnp.broadcast_to(array, shape)
    return array


def binary_function(name: str, dtype: Any) -> Callable[[Any, Any], Any]:
    """Return a function of two numbers."""
    function: Callable[[Any, Any], Any] = getattr(lax, name)
    if name != "div" or is_float(dtype):
        return function
    # The compiler of jaxlib 0.10.2 dies of some quotients of two constants.
    return lambda x, y: function(*lax.optimization_barrier((x, y)))
