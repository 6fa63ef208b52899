"""Where an equation was written: the line of the user's, and that of a library which made it."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import jax
import optax

from ...reference import observation
from .interpretation.domain import Value
from .marks import gradient_p

#: Folders whose functions are not the subject's own: JAX, Optax's arithmetic on
#: trees, the prover, and what watches gradients.
_NOBODYS = (
    str(Path(__file__).parent),
    *(str(Path(each.__file__ or "").parent) for each in (jax, optax.tree_utils, observation)),
)
_PACKAGE = Path(__file__).parents[2]
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")


def where(value: Value) -> str:
    """Return the line of the user's that led to an equation, and where in a library it was made; of
    a gradient the former alone, since a library that hands it on is not to blame.
    """
    equation = value.origin.equation if value.origin is not None else None
    traceback = getattr(getattr(equation, "source_info", None), "traceback", None)
    frames: list[Any] = [
        frame
        for frame in (traceback.frames if traceback is not None else ())
        if not frame.file_name.startswith((*_NOBODYS, "<"))
    ]
    made, users = frames[:1], [*filter(_is_users, frames)][:1]
    if value.origin is not None and value.origin.primitive == gradient_p.name:
        made = []
    if users and users != made:
        return ", through ".join([_line_of(users[0]), *map(_function_of, made)])
    return "".join(map(_function_of, made))


def _line_of(frame: Any) -> str:
    return f"{_short(frame.file_name)}:{frame.line_num}"


def _function_of(frame: Any) -> str:
    named = (part for part in frame.function_name.split(".") if not part.startswith("<"))
    return f"{_line_of(frame)} {'.'.join(named)}".rstrip()


def _is_users(frame: Any) -> bool:
    """Tell whether a frame is of a program under test: of no library, and not of this package."""
    file = Path(frame.file_name)
    if {"site-packages", "dist-packages"} & {*file.parts} or file.is_relative_to(_STANDARD_LIBRARY):
        return False
    return not file.is_relative_to(_PACKAGE) or file.is_relative_to(_PACKAGE / "reference/corpus")


def _short(file: str) -> str:
    """Return a path from below `site-packages`, or from the current folder."""
    _, found, inside = file.rpartition("site-packages/")
    if found:
        return inside
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
