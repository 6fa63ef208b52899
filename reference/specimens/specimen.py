"""What a specimen says of itself: its kind, its fault, and the law that must refute it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

KINDS = ("linen", "nnx", "optax", "trainer")


@dataclass(frozen=True)
class Specimen:
    """What is known about one faulty subject, attached to it as ``fn.specimen``."""

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


def specimen(
    *, law: str | None, seen: str, kind: str | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Mark a subject as a specimen; the first paragraph of its docstring is the fault.

    An exercise made from a recipe knows its kind, a function written out says it here. One without
    arguments makes the subject, such as a `LinenTrainer`, and is replaced by it.
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
        )
        object.__setattr__(subject, "specimen", known)  # trainers are frozen dataclasses
        return subject

    return mark


def specimens_of(module: ModuleType) -> dict[str, Any]:
    """Return the specimens which a module defines, by name, in the order of the file."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(getattr(value, "specimen", None), Specimen)
        and value.specimen.module == module.__name__
    }
