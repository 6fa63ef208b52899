"""The registers of the corpora: each program registers itself where it is defined.

All modules of a corpus are imported to find its programs, so that no list of them can be out of
date: a module that registers nothing is an error, and so is a program that is not registered.
"""

import inspect
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from ..subjects.loading import as_subject
from ..subjects.targets import corpus_target

EXERCISES = ("linen", "nnx")
TRAININGS = ("optax", "trainer")
KINDS = EXERCISES + TRAININGS
#: The arguments of programs that are plain functions.
_CALLED_WITH = (["seed", "x", "y", "lr"], ["optimizer", "mask"])
#: The folders of a corpus without programs that register.
_NO_PROGRAMS = ("recipes", "hostile")


#: The sizes of the smallest counterexample: of a batch, a training, a network, or a tree of
#: parameters.
SMALLEST: Mapping[str, int] = {
    "rows": 2,
    "features": 3,  # of three sizes, the first that a trainer is given
    "outputs": 2,
    "steps": 1,
    "layers": 2,
    "leaves": 2,
    "frozen": 1,
    "seed": 0,
}


class Needs:
    """The sizes without which a fault does not show, beyond the smallest problem, and why."""

    def __init__(self, because: str, **sizes: int):
        self.because = because
        self.sizes = sizes
        if unknown := sizes.keys() - SMALLEST.keys():
            raise TypeError(f"{sorted(unknown)}: sizes are {', '.join(SMALLEST)}")


NOTHING = Needs("the plainest problem shows it")


@dataclass(frozen=True)
class Specimen:
    """The description of one faulty subject, attached to it as ``fn.specimen``."""

    subject_name: str
    #: As `--as` has it: an exercise of "linen" or "nnx", an "optax" wrapper, a "trainer".
    kind: str
    #: The id of the law that must refute it; None for a fault that no law can see.
    law: str | None
    #: One sentence: what is wrong.
    fault: str
    #: Where such a thing was met: an issue, or a short phrase.
    seen: str
    #: The module that defines it.
    module: str
    needs: Needs

    @property
    def target(self) -> str:
        """The name that no layout changes: `specimen/answers/two-values`."""
        return corpus_target("specimen", self.module, self.subject_name)

    def too_large(self, size: Mapping[str, int]) -> dict[str, int]:
        """Return the sizes of a shrunk counterexample that exceed those which the fault needs."""
        allowed = {**SMALLEST, **self.needs.sizes}
        return {name: size[name] for name in allowed if size.get(name, 0) > allowed[name]}


class Accepted(NamedTuple):
    """A correct program, which no law may accuse."""

    #: The name that no layout changes: `accepted/linen-steps/multi-transform`.
    target: str
    kind: str


#: The programs of each module, in the order of the file.
_registered: dict[str, list[Any]] = defaultdict(list)


def specimen(
    *, law: str | None, seen: str, kind: str | None = None, needs: Needs | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Register a faulty subject; the first paragraph of its docstring is the fault.

    A function without arguments makes the subject, such as a `LinenTrainer`, and is replaced by it.

    Args:
        law: the id of the law that must refute it; None for a fault that no law can see.
        seen: where such a fault was met: an issue, or a short phrase.
        kind: "linen", "nnx", "optax" or "trainer", for a plain function; an exercise made from a
            recipe knows its kind.
        needs: the sizes that the fault needs, if a plain problem does not show it.
    """

    def mark(fn: Any) -> Any:
        subject = fn if inspect.signature(fn).parameters else fn()
        found = kind or getattr(subject, "kind", None)
        if found not in KINDS:
            raise TypeError(f"specimen `{fn.__name__}` needs kind={' or '.join(KINDS)}")
        known = Specimen(
            subject_name=fn.__name__,
            kind=found,
            law=law,
            fault=" ".join((fn.__doc__ or "").split("\n\n")[0].split()),
            seen=seen,
            module=fn.__module__,
            needs=needs or NOTHING,
        )
        return attach(known, subject)

    return mark


def attach(known: Specimen, subject: Any) -> Any:
    """Register a subject as the specimen that is described, and return it."""
    object.__setattr__(subject, "specimen", known)  # trainers are frozen dataclasses
    _registered[known.module].append(subject)
    return subject


def accepted(program: Any) -> Any:
    """Register a correct program, as a decorator or around a value, and return it as it is."""
    # A value, such as a partial, does not know its module; who calls this does.
    _registered[sys._getframe(1).f_globals["__name__"]].append(program)
    return program


def specimens(*kinds: str) -> tuple[Any, ...]:
    """Return the specimens of these kinds, or all, that a law must refute, module by module.

    Raises `LookupError` for a module without one, or with one that is not registered.
    """
    return tuple(
        each
        for each in _specimens()
        if each.specimen.law is not None and each.specimen.kind in (kinds or KINDS)
    )


def escapes() -> tuple[Any, ...]:
    """Return the specimens whose fault no law can see."""
    return tuple(each for each in _specimens() if each.specimen.law is None)


def specimen_at(target: str) -> Any:
    """Return a specimen by its target; raises `KeyError`."""
    return {each.specimen.target: each for each in _specimens()}[target]


def specimens_in(module: ModuleType) -> tuple[Any, ...]:
    """Return the specimens that a module defines, in the order of the file."""
    return tuple(_registered[module.__name__])


def accepted_programs(*kinds: str) -> tuple[Accepted, ...]:
    """Return the correct programs of these kinds, or all, module by module.

    Raises `LookupError` for a module without one, or with one that is not registered.
    """
    return tuple(each for each in _accepted() if each.kind in (kinds or KINDS))


@cache
def _accepted() -> tuple[Accepted, ...]:
    return tuple(
        Accepted(
            corpus_target("accepted", module.__name__, name),
            as_subject(program, None, module).kind,
        )
        for module in _modules("accepted")
        for program in _registered[module.__name__]
        for name, value in vars(module).items()
        if value is program
    )


@cache
def _specimens() -> tuple[Any, ...]:
    return tuple(each for module in _modules("specimens") for each in specimens_in(module))


def _modules(corpus: str) -> Iterator[ModuleType]:
    """Import the modules of a corpus that hold programs, and see that each registers its own."""
    package = import_module(f"{__package__}.{corpus}")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.ispkg or found.name.split(".")[-2] in _NO_PROGRAMS:
            continue
        module = import_module(found.name)
        if not _registered[module.__name__]:
            raise LookupError(f"{module.__name__} registers no program: decorate what it holds")
        for name in _unregistered(module):
            raise LookupError(
                f"{module.__name__}:{name} is not registered: decorate it, or begin its name with _"
            )
        yield module


def _unregistered(module: ModuleType) -> Iterator[str]:
    """Yield the public names of a module's programs that no register knows."""
    known = [id(each) for programs in _registered.values() for each in programs]
    for name, value in vars(module).items():
        if not name.startswith("_") and id(value) not in known and _is_program(value, module):
            yield name


def _is_program(value: Any, module: ModuleType) -> bool:
    if inspect.isfunction(value) and value.__module__ == module.__name__:
        return list(inspect.signature(value).parameters) in _CALLED_WITH
    return not isinstance(value, type) and hasattr(value, "promise") and hasattr(value, "kind")
