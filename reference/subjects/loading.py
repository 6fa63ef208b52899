"""Loads a target, `pkg.mod:name` or `path/file.py:name`, as a subject of a known kind."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..pytrees.articles import a_type_of
from ..pytrees.spelling import did_you_mean
from .exercise import Exercise
from .optax_wrapper import GuessedWrapper, OptaxFreeze
from .signatures import UnusableSubject, binds, signature_of
from .targets import REFERENCES, UnusableTarget, resolved
from .trainer import Trainer
from .user_errors import error_text, let_through, own_line, printable


def load(target: str, kind: str | None = None) -> Any:
    """Import a target and return it as a subject.

    Args:
        target: `pkg.mod:name`, `path/file.py:name` or the alias of a reference.
        kind: "linen", "nnx", "optax" or "trainer", where the object does not tell.

    Raises:
        UnusableTarget: if the import fails, or the object is not a subject of a known kind.
    """
    module, value = load_object(target)
    try:
        return as_subject(value, kind, module)
    except UnusableSubject as reason:
        raise UnusableTarget(target, str(reason)) from None


def load_object(target: str) -> tuple[ModuleType, Any]:
    """Import a target of any kind, and return its module and the object.

    Raises `UnusableTarget` if the import fails.
    """
    place, name = _place_and_name(target)
    try:
        module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    except _NotFound as missing:
        raise UnusableTarget(target, str(missing)) from None
    except UnusableSubject as reason:  # the file makes one that cannot be
        where = f" ({line})" if (line := own_line(reason)) else ""
        raise UnusableTarget(target, f"`{place}` cannot be imported: {reason}{where}") from None
    except BaseException as error:
        let_through(error)
        raise UnusableTarget(target, f"the import raised {describe_error(error, place)}") from None
    if not name:
        raise UnusableTarget(target, f"expected `{place}:name`{_instead(module, name)}")
    try:
        return module, _attribute(module, name)
    except UnusableSubject as reason:
        raise UnusableTarget(target, str(reason)) from None


def _place_and_name(target: str) -> tuple[str, str]:
    """Return the module or file of a target, and the name in it; a file alone has an empty one.

    Raises `UnusableTarget` for anything else.
    """
    found = resolved(target)
    if (file := found.removesuffix(":")).endswith(".py"):
        return file, ""
    place, separator, name = found.rpartition(":")
    if not separator or not place or not name:
        raise UnusableTarget(
            target,
            "expected `package.module:name`, `path/file.py:name`, or a reference such as "
            f"`linen/gradient-zeroing`{did_you_mean(target, REFERENCES) if '/' in target else ''}",
        )
    if ".py:" in place:
        raise UnusableTarget(
            target,
            f"one name follows a file: `{place}`, or `{place}.{name}` for what is below it",
        )
    return place, name


def as_subject(value: Any, kind: str | None = None, module: ModuleType | None = None) -> Any:
    """Return an object as a subject: one of the four kinds, or a callable of a known signature.

    Raises `UnusableSubject` where the kind is unknown, ambiguous or contradicts `kind`.
    """
    if isinstance(value, type):
        raise UnusableSubject(f"expected a function or a subject, got the class {value.__name__}")
    if isinstance(value, Exercise | OptaxFreeze | Trainer) or hasattr(value, "read_problem"):
        if kind not in (None, value.kind):
            raise UnusableSubject(f"the kind of the subject is {value.kind}, not {kind} (--as)")
        return value
    if not callable(value):
        raise UnusableSubject(f"expected a function or a subject, got {a_type_of(value)}")
    if kind in ("linen", "nnx"):
        return Exercise(value, kind)  # type: ignore[arg-type]
    if kind == "trainer":
        raise UnusableSubject(f"a trainer is more than one function: {TRAINERS}")
    if kind == "optax":
        return OptaxFreeze(value)
    if binds(value, 2) and not binds(value, 4):
        return GuessedWrapper(value)
    if not binds(value, 4):
        raise UnusableSubject(
            f"{signature_of(value)} is not of a known kind: an exercise is called as "
            "fn(seed, x, y, lr), an Optax wrapper as fn(optimizer, mask); for a trainer "
            f"{TRAINERS}"
        )
    return Exercise(value, _imported_api(value, module))  # type: ignore[arg-type]


#: Names of what can be judged that a message lists.
_SHOWN = 5
TRAINERS = (
    "name a frostproof.LinenTrainer(create, train_step, frozen=...) or "
    "frostproof.NnxTrainer(create, train_step, frozen=...)"
)


def describe_error(error: BaseException, place: str) -> str:
    """Return type, message, and the file and line of the user's code that raised an exception."""
    if isinstance(error, SyntaxError) and error.filename:
        line = f": `{printable(error.text)}`" if error.text else ""
        where = f"{error.filename}, line {error.lineno}{line}"
        return f"{type(error).__name__}: {error.msg} ({where})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if place.endswith(Path(frame.filename).name)]
    shown = own or [frame for frame in frames if "importlib" not in frame.filename]
    where = f" ({shown[-1].filename}, line {shown[-1].lineno})" if shown else ""
    return f"{error_text(error)}{where}"


class _NotFound(Exception):
    """A file or module does not exist."""


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        beside = [each.name for each in path.parent.glob("*.py")]
        raise _NotFound(f"the file does not exist{did_you_mean(path.name, beside)}")
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(path):
            return module
    sys.path.insert(0, str(path.parent))  # a file may import its neighbours
    name = path.stem
    if name in sys.modules or not _finds(name, path):
        name = f"frostproof_target_{path.stem}"  # a file may be called jax.py
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _finds(name: str, path: Path) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin == str(path)


def _import_module(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The module itself, or a parent of it, and not something that it imports.
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise _NotFound(
                f"the module {error.name!r} does not exist (is its folder the current one, or is "
                "it installed?)"
            ) from None
        raise


def _attribute(module: ModuleType, name: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            raise UnusableSubject(f"the module has no {name!r}{_instead(module, name)}")
        value = getattr(value, part)
    return value


def _instead(module: ModuleType, name: str) -> str:
    """Say which name of a module may be meant, or else what of it can be judged."""
    known = _judgeable(module)
    if meant := did_you_mean(name, known):
        return meant
    shown = [f"{each} ({sort})" for each, sort in list(known.items())[:_SHOWN]]
    shown += [f"{len(known) - _SHOWN} more"] if len(known) > _SHOWN else []
    return f"; it has {', '.join(shown)}" if shown else ""


def _judgeable(module: ModuleType) -> dict[str, str]:
    """Return the names of subjects, then of functions that could be some, each with its sort.

    The functions are those of the module itself which no subject is made of.
    """
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    subjects = {n: v for n, v in public.items() if isinstance(v, Exercise | OptaxFreeze | Trainer)}
    parts = [part for subject in subjects.values() for part in vars(subject).values()]
    functions = [
        name
        for name, value in public.items()
        if getattr(value, "__module__", None) == module.__name__
        and callable(value)
        and not isinstance(value, type)
        and (binds(value, 2) or binds(value, 4))
        and not any(value is part for part in parts)
    ]
    sorts = {name: type(subject).__name__ for name, subject in subjects.items()}
    return sorts | dict.fromkeys(functions, "function")


def _imported_api(fn: Callable[..., Any], module: ModuleType | None) -> str:
    """Return the one of flax.linen and flax.nnx that the module of `fn` imports."""
    module = module or inspect.getmodule(fn)
    apis = _imports(module) & {"linen", "nnx"} if module else set()
    if len(apis) != 1:
        found = "both flax.linen and flax.nnx" if apis else "neither flax.linen nor flax.nnx"
        raise UnusableSubject(f"the module imports {found}: add --as linen or --as nnx")
    return apis.pop()


def _imports(module: ModuleType) -> set[str]:
    """Return the names below `flax` that a module's source imports, wherever it does so."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("flax.")}
