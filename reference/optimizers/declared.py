"""Names the optimizers under which a subject promises to freeze."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from ..pytrees.spelling import did_you_mean
from .catalogue import CATALOGUE

#: Promises of many optimizers: the common set, and the whole catalogue.
MANY = ("common", "all")

_NEEDS = "Optimizers needs names of the catalogue, such as 'sgd' and 'adam'"
_ALL = "`frostproof optimizers` lists them all"


@final
@dataclass(frozen=True, init=False)
class Optimizers:
    """Rows of the catalogue of optimizers, for `optimizers=` of a subject.

    `Optimizers("sgd", "adam")`, or at other learning rates: `Optimizers("sgd", rates=(0.1, 1.0))`.
    """

    names: tuple[str, ...]
    rates: tuple[float, ...] | None
    behind: str | None

    def __init__(
        self, *names: str, rates: tuple[float, ...] | None = None, behind: str | None = None
    ):
        """Name at least one row.

        Args:
            names: rows of the catalogue, such as "sgd" or "adamw".
            rates: learning rates to draw from, instead of those of each row.
            behind: a row that wraps another optimizer, such as "clip_by_global_norm".

        Raises:
            ValueError: without a name, or for a name that is not in the catalogue.
        """
        wanted = [*names, *([behind] if behind is not None else [])]
        if not names:
            raise ValueError(f"{_NEEDS}, got no name ({_ALL})")
        for name in wanted:
            if name not in CATALOGUE:
                meant = did_you_mean(name, CATALOGUE) if isinstance(name, str) else ""
                raise ValueError(f"{_NEEDS}, got {name!r}{meant} ({_ALL})")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "rates", rates)
        object.__setattr__(self, "behind", behind)


def expected_optimizers(got: Any) -> str:
    """Say what `optimizers=` takes in place of something else: of names of rows, how to write them.

    Args:
        got: what was given.
    """
    names = [got] if isinstance(got, str) else got
    are_rows = isinstance(names, list | tuple) and all(
        isinstance(name, str) and name in CATALOGUE for name in names
    )
    hint = f": write Optimizers({', '.join(map(repr, names))})" if are_rows and names else ""
    if isinstance(got, str) and not hint and (meant := did_you_mean(got, (*MANY, *CATALOGUE))):
        hint = f"{meant} ({_ALL})"
    return (
        "`optimizers` must be 'common', 'all', Optimizers(…) or a Hypothesis strategy, "
        f"got {got!r}{hint}"
    )
