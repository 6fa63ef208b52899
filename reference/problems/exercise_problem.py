"""Problems of exercises: drawn arguments, and the batch that is made from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from .row_order import another_order

Api = Literal["linen", "nnx"]

#: How the values of a batch are made, the plainest first. `overflowing` squares beyond float32.
REGIMES = (
    "ordinary",
    "integers",
    "outlier",
    "constant",
    "zero rows",
    "tiny",
    "huge",
    "overflowing",
)


class Batch(NamedTuple):
    """Inputs x float32 (N, D) and targets y float32, (N,) for Linen and (N, out) for NNX."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class ExerciseProblem:
    """The arguments of one call, as few numbers: the batch is filled from `fill` when needed."""

    api: Api
    seed: int
    learning_rate: float
    rows: int
    features: int
    outputs: int
    regime: str
    fill: int
    #: The rows are permuted with this seed (see `row_order`), or left in order.
    order: int | None = None
    #: All rows stand this many times, one whole batch after the other.
    repeats: int = 1

    def record(self) -> dict[str, Any]:
        """Return the problem as a record for JSON."""
        return asdict(self)

    def batch(self) -> Batch:
        """Make fresh, writable, C-contiguous float32 arrays; equal problems give equal bytes."""
        generator = np.random.default_rng(self.fill)
        table = generator.standard_normal((self.rows, self.features + self.outputs), np.float32)
        _impose(self.regime, table, generator)
        if self.order is not None:
            table = table[another_order(self.order, self.rows)]
        table = np.tile(table, (self.repeats, 1))
        y = table[:, self.features :]
        if self.api == "linen":
            y = y[:, 0]
        return Batch(table[:, : self.features].copy(), y.copy())


def _impose(regime: str, table: np.ndarray, generator: np.random.Generator) -> None:
    """Change a table of ordinary values (N, D + out) in place into one of the regime."""
    match regime:
        case "integers":
            np.rint(table * 4, out=table)
        case "outlier":  # in the last row, the one that an off-by-one drops
            table[-1] *= 1000
        case "constant":
            table[:] = table[0]
        case "zero rows":
            table[generator.random(len(table)) < 0.5] = 0
        case "tiny":  # squares fall among the subnormals, which XLA flushes on CPU
            table *= np.float32(1e-20)
        case "huge":
            table *= np.float32(1e6)
        case "overflowing":
            table *= np.float32(1e30)
