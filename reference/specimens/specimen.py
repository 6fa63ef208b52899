"""What a specimen says of itself: its kind, its fault, and the law that must refute it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

KINDS = ("linen", "nnx")


@dataclass(frozen=True)
class Specimen:
    """What is known about one faulty exercise, attached to it as ``fn.specimen``."""

    subject_name: str
    #: The API of the exercise: "linen" or "nnx".
    kind: str
    #: The id of the law that must refute it; None for a fault that no law can see.
    law: str | None
    #: One sentence: what is wrong.
    fault: str
    #: Where such a thing was met: an issue, or a short phrase.
    seen: str


def specimen(
    *, law: str | None, seen: str, kind: str | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Mark an exercise as a specimen; the first paragraph of its docstring is the fault.

    An exercise made from a recipe knows its kind, one written out says it here.
    """

    def mark(exercise: Any) -> Any:
        found = kind or getattr(exercise, "kind", None)
        if found not in KINDS:
            raise TypeError(f"specimen `{exercise.__name__}` needs kind={' or '.join(KINDS)}")
        exercise.specimen = Specimen(
            subject_name=exercise.__name__,
            kind=found,
            law=law,
            fault=" ".join((exercise.__doc__ or "").split("\n\n")[0].split()),
            seen=seen,
        )
        return exercise

    return mark


def specimens_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the specimens which a module defines, by name, in the order of the file."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(getattr(value, "specimen", None), Specimen)
        and value.__module__ == module.__name__
    }
