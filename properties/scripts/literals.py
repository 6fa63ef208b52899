"""Source text for stand-alone scripts: how a subject is imported, and arrays bit for bit."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.problems.batches import pack
from ...reference.subjects.naming import root_of
from ...reference.subjects.targets import resolved
from .imports import with_imports_anew


def import_subject(target: str) -> list[str]:
    """Return the lines that bring a target into a script, under the name `subject`."""
    place, _, name = resolved(target).rpartition(":")
    # A lambda, something within a function, or in a script, which would run once more.
    if not name.replace(".", "").isidentifier() or place == "__main__":
        return [f"subject = None  # {target}", f"assert subject is not None, {_HOMELESS!r}"]
    path = Path(place)
    file = path.suffix == ".py"
    folder, module = (str(path.parent.resolve()), path.stem) if file else root_of(place)
    found = f"sys.path.insert(0, {folder!r})"
    if file and (not module.isidentifier() or module in _TAKEN):
        return [
            found,
            *_FROM_FILE.format(str(path.resolve())).splitlines(),
            f"subject = own.{name}",
        ]
    return [found, _import(module, name)]


#: Names of files by which Python would import something else.
_TAKEN = {*keyword.kwlist, *sys.stdlib_module_names, "flax", "jax", "ml_dtypes", "numpy", "optax"}
_FROM_FILE = """\
import importlib.util

spec = importlib.util.spec_from_file_location("own", {!r})
own = sys.modules["own"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own)"""


_HOMELESS = "bring the subject in here: no module holds it by a name"


def _import(module: str, name: str) -> str:
    if "." in name:
        head, _, rest = name.partition(".")
        return f"from {module} import {head}\n\nsubject = {head}.{rest}"
    return f"from {module} import {name} as subject"


def literal(array: np.ndarray) -> str:
    """Write an array so that it reads back bit for bit."""
    if array.dtype == np.float32 and array.size <= 64 and np.isfinite(array).all():
        return f"np.array({array.tolist()!r}, np.float32)"
    content = _PACKED.format(pack(array.tobytes()))
    return f"np.frombuffer({content}, {_dtype(array.dtype)}).reshape({array.shape}).copy()"


#: The bytes of an array in a script, and those of a large one in a file beside the script.
_PACKED = 'zlib.decompress(base64.b64decode("{}"))'
_STORED = 'pathlib.Path(__file__).with_name("{}").read_bytes()'


def move_arrays_out(source: str, keep: Callable[[str], str | None]) -> str:
    """Return a script that reads its large arrays from files beside it.

    Args:
        source: the script.
        keep: given the packed bytes of an array, returns the name of its file, or None to leave
            the array where it is.
    """

    def moved(found: re.Match[str]) -> str:
        name = keep(found[1])
        return found[0] if name is None else _STORED.format(name)

    return with_imports_anew(re.sub(_pattern(_PACKED, "[A-Za-z0-9+/=]*"), moved, source))


def move_arrays_in(source: str, find: Callable[[str], str | None]) -> str:
    """Return a script that holds its arrays; `find` returns the packed bytes of a file."""

    def moved(found: re.Match[str]) -> str:
        packed = find(found[1])
        return found[0] if packed is None else _PACKED.format(packed)

    return with_imports_anew(re.sub(_pattern(_STORED, "[0-9a-f]+[.]bin"), moved, source))


def _pattern(template: str, content: str) -> str:
    return re.escape(template).replace(re.escape("{}"), f"({content})")


def nested(tree: Any) -> str:
    """Write a tree of arrays and bools in the containers that it has."""
    if isinstance(tree, Mapping):
        return "{" + ", ".join(f"{key!r}: {nested(value)}" for key, value in tree.items()) + "}"
    if is_named_tuple(tree):
        parts = zip(tree._fields, tree, strict=True)
        written = ", ".join(f"{name}={nested(part)}" for name, part in parts)
        return f"{type(tree).__name__}({written})"
    if isinstance(tree, tuple):
        return "(" + "".join(f"{nested(value)}, " for value in tree) + ")"
    if isinstance(tree, list):
        return "[" + ", ".join(map(nested, tree)) + "]"
    return literal(tree) if isinstance(tree, np.ndarray) else repr(tree)


def is_named_tuple(tree: Any) -> bool:
    """Tell whether a value is a named tuple, which a script has to define before it is written."""
    return isinstance(tree, tuple) and hasattr(tree, "_fields")


def _dtype(dtype: np.dtype[Any]) -> str:
    return f"np.{dtype.name}" if hasattr(np, dtype.name) else f"ml_dtypes.{dtype.name}"
