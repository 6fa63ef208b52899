"""What an exercise is given and what it did: the drawn problem, its batch, an observed call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ..oracles.exercise_oracle import ExerciseOracle
from ..subjects.user_errors import error_text, printable
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
    """One call's arguments, as few numbers: the batch is filled from `fill` when it is needed."""

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
        """Return the problem as JSON has words for it."""
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


@dataclass(frozen=True)
class ObservedUpdate:
    """The parameters before and after one update that an exercise made, by normalised path."""

    before: dict[tuple[str, ...], np.ndarray]
    after: dict[tuple[str, ...], np.ndarray]


@dataclass
class Call:
    """What one call of an exercise did, and what the oracle says of it.

    `answer` is the returned value as a NumPy array, or None with the reason in `malformed`.
    """

    problem: ExerciseProblem
    answer: np.ndarray | None = None
    malformed: str | None = None
    raised: BaseException | None = None
    inputs_kept: bool = True
    updates: tuple[ObservedUpdate, ...] = ()
    #: Makes the same call again, where a law has to look closer.
    again: Callable[[], Any] | None = field(default=None, repr=False)

    @property
    def loss(self) -> float:
        """The reported loss before the step."""
        return self._number(0)

    @property
    def norm_after(self) -> float:
        """The reported norm of the frozen kernel after the step."""
        return self._number(1)

    @property
    def norm_before(self) -> float:
        """The reported norm of the frozen kernel before the step."""
        return self._number(2)

    def _number(self, index: int) -> float:
        assert self.answer is not None, "laws look at answers of the right shape only"
        return float(self.answer[index])

    def restores(self, path: tuple[str, ...]) -> bool:
        """Tell whether the program undoes an observed move of the leaf at `path`."""
        from ..observation.undone_updates import (
            restores,
        )  # here, since a law book is read without loading JAX

        return self.again is None or restores(self.again, path)

    @cached_property
    def oracle(self) -> ExerciseOracle:
        """The independent NumPy computation for the same problem."""
        return ExerciseOracle(self.problem)


def read_answer(returned: Any) -> tuple[np.ndarray | None, str | None]:
    """Convert what an exercise returned to a real floating array (3,), or say why it is none."""
    try:
        answer = np.asarray(returned)
    except Exception as error:
        return None, f"a {type(returned).__name__} that NumPy cannot convert ({error_text(error)})"
    # ml_dtypes' bfloat16 is no subtype of np.floating, but its finfo knows it.
    if answer.dtype.kind != "f" and answer.dtype.name != "bfloat16":
        return None, f"{_shown(returned)}, of dtype {answer.dtype}"
    if answer.shape != (3,):
        return None, f"{_shown(returned)}, of shape {answer.shape}"
    return answer.astype(np.float64), None


def _shown(value: Any) -> str:
    try:
        text = printable(repr(value))
    except Exception as error:  # an integer of more digits than Python prints
        text = f"a {type(value).__name__} that cannot be printed ({error_text(error)})"
    return text if len(text) <= 60 else text[:57] + "..."
