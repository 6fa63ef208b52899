"""What a trainer is given: seed, optimizer, batches, weights, and what is done in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ..optimizers.optimizer import Optimizer, read_optimizer
from .architecture import Architecture
from .row_order import another_order
from .wrapper_problem import make_special


class Batch(NamedTuple):
    """Inputs x and targets y, NumPy arrays with rows in front, or pytrees of such."""

    x: Any
    y: Any


class Drawn:
    """A batch of a user's own strategy: compared and recorded by what it holds."""

    def __init__(self, batch: Any):
        self.batch = Batch(_copy(batch.x), _copy(batch.y))
        leaves, form = _flatten(self.batch)
        self._identity = (str(form), *((a.dtype.str, a.shape, a.tobytes()) for a in leaves))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Drawn) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"x={self.batch.x!r}, y={self.batch.y!r}"


#: How the values of a batch are made, the plainest first. `overflowing` squares beyond float32.
NUMBERS = ("ordinary", "integers", "tiny", "huge", "overflowing", "nan")

#: What is done, in order: "step" trains on the next batch; "freeze" freezes the leaves that the
#: subject freezes, and no others, or those that it does not, or all, or none; "save" and "restore"
#: keep the whole state in memory; "checkpoint" goes on from a checkpoint in a training begun anew,
#: and "change optimizer" from the same parameters under `next_optimizer`.
FREEZES = ("freeze", "unfreeze", "freeze the others", "freeze everything")
CHANGE = "change optimizer"
ACTIONS = ("step", *FREEZES, "save", "restore", "checkpoint", CHANGE)


@dataclass(frozen=True)
class TrainingProblem:
    """One run of a trainer, as few values: batches are filled from `fill` when they are needed."""

    seed: int
    optimizer: Optimizer
    rows: int
    features: int
    fill: int
    actions: tuple[str, ...] = ("step",)
    next_optimizer: Optimizer | None = None
    numbers: str = "ordinary"
    #: "initialised" as the trainer does it, or "redrawn": no zero biases, which hide a decay; or
    #: "special": redrawn, and frozen leaves hold −0, subnormals, NaNs and infinities.
    weights: str = "initialised"
    #: What becomes of the gradients of frozen leaves on their way to the optimizer.
    disturbed: str = ""
    #: The shape of a target row: that of the prediction, where it is known.
    outputs: tuple[int, ...] = (1,)
    #: The rows of each batch are permuted with this seed (see `row_order`), or left in order.
    order: int | None = None
    #: All rows stand this many times.
    repeats: int = 1
    #: Batches that a user's own strategy drew, one for each step.
    batches: tuple[Drawn, ...] | None = None
    #: For subjects that train any architecture and freeze any leaves of it.
    architecture: Any = None
    frozen: tuple[str, ...] | None = None
    #: Not compiled: the steps of a reference trainer run operation by operation.
    eager: bool = False
    #: By an optimizer object of its own, for which a trainer compiles its step again.
    anew: bool = False

    @property
    def steps(self) -> int:
        """The number of steps among the actions."""
        return self.actions.count("step")

    def batch(self, number: int) -> Batch:
        """Make the fresh, writable batch of a step, counted from 1."""
        if self.batches is not None:
            drawn = self.batches[(number - 1) % len(self.batches)].batch
            return Batch(_copy(drawn.x), _copy(drawn.y))
        generator = np.random.default_rng((self.fill, number))
        x = generator.standard_normal((self.rows, self.features), np.float32)
        outputs = self.architecture.outputs if self.architecture else self.outputs
        y = generator.standard_normal((self.rows, *outputs), np.float32)
        x, y = _imposed(self.numbers, x), _imposed(self.numbers, y)
        if self.order is not None:
            permuted = another_order(self.order, self.rows)
            x, y = x[permuted], y[permuted]
        return Batch(*(np.concatenate([part] * self.repeats) for part in (x, y)))

    def reweighted(self, path: str, leaf: np.ndarray, frozen: bool) -> np.ndarray:
        """Return other weights for a leaf, of its shape and dtype; what is no float stays."""
        if leaf.dtype.kind not in "fV":
            return leaf
        named = [int(letter) for letter in path.encode()]
        generator = np.random.default_rng((self.fill, *named))
        drawn = generator.normal(size=leaf.shape)
        fresh = np.asarray((drawn + np.where(drawn < 0, -0.2, 0.2)) / 2, leaf.dtype)
        if frozen and self.weights == "special":
            make_special(fresh, generator)
        return fresh

    def record(self) -> dict[str, Any]:
        """Return the problem as JSON has words for it, without what is as usual."""
        plain = {each.name: each.default for each in fields(self)}
        values = {name: value for name, value in vars(self).items() if value != plain[name]}
        values["optimizer"] = self.optimizer.record()
        if self.next_optimizer is not None:
            values["next_optimizer"] = self.next_optimizer.record()
        if self.batches is not None:
            values["batches"] = [_written(drawn.batch) for drawn in self.batches]
        if self.architecture is not None:
            values["architecture"] = self.architecture.record()
        return values

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> TrainingProblem:
        """Return the problem of a record; raises `ValueError`, `TypeError` or `KeyError`."""
        values = dict(record) | {"optimizer": read_optimizer(record["optimizer"])}
        if "next_optimizer" in values:
            values["next_optimizer"] = read_optimizer(values["next_optimizer"])
        for name in ("actions", "outputs", "frozen"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        if "batches" in values:
            values["batches"] = tuple(Drawn(_read(batch)) for batch in values["batches"])
        if "architecture" in values:
            values["architecture"] = Architecture.read(values["architecture"])
        return cls(**values)


def _copy(tree: Any) -> Any:
    from jax.tree_util import tree_map  # here: a law book is read without JAX

    return tree_map(np.array, tree)


def _flatten(tree: Any) -> tuple[list[np.ndarray], Any]:
    from jax.tree_util import tree_flatten

    return tree_flatten(tree)


def _imposed(regime: str, values: np.ndarray) -> np.ndarray:
    match regime:
        case "integers":
            return np.rint(values * 4)
        case "tiny":
            return values * np.float32(1e-6)
        case "huge":
            return values * np.float32(1e6)
        case "overflowing":
            return values * np.float32(1e30)
        case "nan":
            values[0] = np.nan
    return values


def _written(batch: Batch) -> dict[str, Any]:
    """Write a batch of arrays, or of nested containers of them, as JSON."""

    def write(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return {"dtype": value.dtype.name, "shape": list(value.shape), "values": value.tolist()}
        if isinstance(value, Mapping):
            return {"mapping": {str(key): write(entry) for key, entry in value.items()}}
        return {"sequence": [write(entry) for entry in value]}

    return {"x": write(batch.x), "y": write(batch.y)}


def _read(written: Mapping[str, Any]) -> Batch:
    def read(value: Mapping[str, Any]) -> Any:
        if "mapping" in value:
            return {key: read(entry) for key, entry in value["mapping"].items()}
        if "sequence" in value:
            return tuple(read(entry) for entry in value["sequence"])
        dtype = getattr(ml_dtypes, value["dtype"], value["dtype"])
        return np.array(value["values"], dtype).reshape(value["shape"])

    return Batch(read(written["x"]), read(written["y"]))
