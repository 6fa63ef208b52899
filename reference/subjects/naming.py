"""Names an object of this process by the place where a script finds it: `module:name`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def target_of(subject: Any) -> str:
    """Name a subject by the module that holds it, or by the function that it is made of.

    A script can import a name of the second sort only if the subject is that function.
    """
    fn = getattr(subject, "fn", None) or getattr(subject, "train_step", subject)
    home = getattr(fn, "__module__", None) or "?"
    for module in _modules(home):
        for name, value in list(vars(module).items()):
            if value is subject and name.isidentifier():
                return f"{module.__name__}:{name}"
    name = getattr(fn, "__qualname__", None) or getattr(fn, "name", type(fn).__qualname__)
    return f"{home}:{name}"


def root_of(module: str) -> tuple[str, str]:
    """Return the folder from which a module is imported, and its name there.

    The folder is the current one where the module is not loaded, or does not come from a file.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return ".", module
    path = Path(file).resolve()
    parts = path.parts[:-1] if path.stem == "__init__" else path.with_suffix("").parts
    named = tuple(module.split("."))
    if parts[-len(named) :] == named:
        return str(Path(*parts[: -len(named)])), module
    # Where a package lies in a folder of another name, Python has to find it.
    return (".", module) if "." in module else (str(path.parent), path.stem)


def _modules(home: str) -> Iterator[Any]:
    """Yield the module of a subject's function, which most likely holds it, then all others."""
    if home in sys.modules:
        yield sys.modules[home]
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "__main__") != "__main__":  # which a script would run again
            yield module
