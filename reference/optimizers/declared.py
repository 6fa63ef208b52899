"""Names the optimizers under which a subject promises to freeze."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from .catalogue import CATALOGUE

#: Promises of many optimizers: the common set, and the whole catalogue.
MANY = ("common", "all")


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
        unknown = [name for name in wanted if name not in CATALOGUE]
        if unknown or not names:
            got = f"{unknown[0]!r}, which is not in the catalogue" if unknown else "no name"
            raise ValueError(
                f"Optimizers needs names of the catalogue, such as 'sgd' and 'adam', got {got}"
            )
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "rates", rates)
        object.__setattr__(self, "behind", behind)
