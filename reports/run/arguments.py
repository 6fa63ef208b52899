"""Answers a keyword that a function does not take by those that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ...reference.subjects.signatures import unknown_argument

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


def naming_arguments(
    name: str,
) -> Callable[[Callable[_Arguments, _Answer]], Callable[_Arguments, _Answer]]:
    """Return a decorator of a function that users call by this name: Python's own `TypeError` tells
    none of the keywords that are taken.
    """

    def decorate(function: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
        parameters = inspect.signature(function).parameters.values()
        taken = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]

        @wraps(function)
        def called(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
            for given in kwargs:
                if given not in taken:
                    raise TypeError(unknown_argument(name, given, taken))
            return function(*args, **kwargs)

        return called

    return decorate
