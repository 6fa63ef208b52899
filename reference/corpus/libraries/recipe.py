"""What a recipe of a library is: what to judge, and why it is refuted where it is."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from .environments import Environment


@dataclass(frozen=True)
class Cause:
    """Why laws refute a recipe: a sentence, looked into and not guessed."""

    sentence: str
    laws: tuple[str, ...]


def because(sentence: str, *laws: str) -> Cause:
    """Return the cause by which these laws refute a recipe."""
    return Cause(sentence, laws)


#: The laws by which a frozen leaf that moves is seen, in whatever way.
STAYING = ("frozen-value", "frozen-bits")


@dataclass(frozen=True)
class Validation:
    """A recipe of a library: what to judge, and why it is refuted where it is."""

    #: Module and name below this package; of a program, below its folder `elsewhere`.
    target: str
    #: What it is called in the table.
    recipe: str
    #: The distribution that offers it.
    library: str
    #: Of every law that refutes it.
    causes: tuple[Cause, ...] = ()
    #: A script in `upstream/` that shows its maintainers what is wrong, where they are at fault.
    upstream: str | None = None
    #: The packages that it needs beside those of `frostproof[libraries]`.
    environment: Environment | None = None
    #: What is frozen, where it is judged by files.
    frozen: tuple[str, ...] = ()
    #: The first release with the fault, where that was looked for.
    since: str | None = None
    #: The distribution at fault, where it is not the library.
    fault_of: str | None = None

    @property
    def at_fault(self) -> str:
        """The distribution whose maintainers get the script."""
        return self.fault_of or self.library

    def matches(self, glob: str) -> bool:
        """Tell whether a glob fits its target."""
        return fnmatchcase(self.target, glob)
