"""What a specimen says of itself: its kind, its fault, and the law that must refute it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

KINDS = ("linen", "nnx", "optax", "trainer")


#: What a counterexample may be made of that is as small as they get: a batch of an exercise or a
#: trainer, a training, the network or the tree of parameters.
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
    """What a fault does not show without, beyond the smallest problem, and why."""

    def __init__(self, because: str, **sizes: int):
        self.because = because
        self.sizes = sizes
        if unknown := sizes.keys() - SMALLEST.keys():
            raise TypeError(f"{sorted(unknown)}: sizes are {', '.join(SMALLEST)}")


NOTHING = Needs("the plainest problem shows it")


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
    needs: Needs

    def too_large(self, size: Mapping[str, int]) -> dict[str, int]:
        """Return of what a shrunk counterexample has more than the fault needs."""
        allowed = {**SMALLEST, **self.needs.sizes}
        return {name: size[name] for name in allowed if size.get(name, 0) > allowed[name]}


def specimen(
    *, law: str | None, seen: str, kind: str | None = None, needs: Needs | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Mark a subject as a specimen; the first paragraph of its docstring is the fault.

    An exercise made from a recipe knows its kind, a function written out says it here. One without
    arguments makes the subject, such as a `LinenTrainer`, and is replaced by it. `needs` is for a
    fault that a plain problem does not show.
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
