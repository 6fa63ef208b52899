"""Under which optimizers a subject promises to freeze, said by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from .catalogue import CATALOGUE


@final
@dataclass(frozen=True, init=False)
class Optimizers:
    """Rows of the catalogue of optimizers, as `optimizers=` of a subject takes them.

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
            names: rows of the catalogue, as `frostproof optimizers` lists them.
            rates: learning rates to draw from, instead of those of each row.
            behind: a row that wraps another optimizer, such as "clip_by_global_norm".

        Raises:
            ValueError: for no name at all, or one that is not in the catalogue.
        """
        wanted = [*names, *([behind] if behind is not None else [])]
        unknown = [name for name in wanted if name not in CATALOGUE]
        if unknown or not names:
            said = f"{unknown[0]!r} is not in the catalogue" if unknown else "none is named"
            raise ValueError(f"optimizers are named, such as Optimizers('sgd', 'adam'): {said}")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "rates", rates)
        object.__setattr__(self, "behind", behind)
