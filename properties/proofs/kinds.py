"""Kinds of optimizers: those whose states a program cannot tell apart.

A program may treat the state of its optimizer by types, structure, shapes and dtypes, which are all
there when it is traced. So it is traced once with each kind of state that its optimizers keep, and
nothing need be known of the numbers that they compute.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import jax
import numpy as np

from ...reference.subjects.user_errors import let_through
from .marks import AnyOptimizer

#: Two leaves of other shapes, by which a state is told from others.
_PARAMS = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(3, np.float32)}
#: With more kinds than these, wrappers are tried around some optimizers only.
_MOST = 32


def kinds_of(optimizers: Sequence[Any]) -> tuple[list[AnyOptimizer], bool]:
    """Return for each kind of these optimizers one that stands for all of its kind.

    The whole catalogue has 146 kinds, most of them wrappers around the same few optimizers. Of that
    many each wrapper is taken around one, another for each. The bool says whether these are all.
    """
    first = _first_of_each(optimizers)
    if len(first) <= _MOST:
        return list(map(AnyOptimizer, first)), True
    few = [each for each in first if each.inner is None]
    wrapped = {each.name: [one for one in first if one.name == each.name] for each in first}
    for number, name in enumerate(sorted(wrapped.keys() - {each.name for each in few})):
        few.append(wrapped[name][number % len(wrapped[name])])
    return list(map(AnyOptimizer, few)), False


def _first_of_each(optimizers: Sequence[Any]) -> list[Any]:
    first: dict[Hashable, Any] = {}
    for each in optimizers:
        first.setdefault(_kind(each), each)
    return list(first.values())


def _kind(optimizer: Any) -> Hashable:
    """Return what tells an optimizer's first state from others: its structure, and all it holds."""
    try:
        leaves, structure = jax.tree.flatten(optimizer.transformation.init(_PARAMS))
        arrays = [np.asarray(leaf) for leaf in leaves]
    except BaseException as error:
        let_through(error)
        return optimizer  # which is its own kind
    return structure, tuple((each.shape, str(each.dtype), each.tobytes()) for each in arrays)
