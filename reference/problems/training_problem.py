"""Problems of trainers: seed, optimizer, batches, weights, and a sequence of actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..optimizers.optimizer import Optimizer, UnusableDraw, read_optimizer
from ..pytrees.articles import a_type_of
from ..pytrees.dtypes import is_float
from .architecture import Architecture
from .batches import Batch, read_batch, write_batch
from .row_order import another_order
from .wrapper_problem import make_special


class Drawn:
    """A batch from a user's strategy, in the form in which it was drawn.

    It may be any pytree of arrays: a dict, a tuple, a named tuple, or an object with `.x` and `.y`
    that JAX does not know. It is compared and recorded by its contents.
    """

    def __init__(self, batch: Any):
        """Copy a batch; raises `UnusableDraw` where it holds no arrays."""
        self.batch = _copy(_as_tree(batch))
        leaves, form = _flatten(self.batch)
        self._identity = (str(form), *((a.dtype.str, a.shape, a.tobytes()) for a in leaves))

    @property
    def nbytes(self) -> int:
        """The bytes that it holds: its contents, and once more those by which it is compared."""
        return 2 * sum(leaf.nbytes for leaf in _flatten(self.batch)[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Drawn) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return repr(self.batch)


#: How the values of a batch are made, the plainest first. `overflowing` squares beyond float32.
NUMBERS = ("ordinary", "integers", "tiny", "huge", "overflowing", "nan")


@dataclass(frozen=True)
class TrainingProblem:
    """One run of a trainer, as few values: batches are filled from `fill` when they are needed."""

    seed: int
    optimizer: Optimizer
    rows: int
    features: int
    fill: int
    #: The actions in their order (see `actions`); "step" trains on the next batch.
    actions: tuple[str, ...] = ("step",)
    next_optimizer: Optimizer | None = None
    numbers: str = "ordinary"
    #: Only each second batch is of those numbers, and the others are ordinary.
    alternating: bool = False
    #: "initialised" by the trainer; "redrawn", without zero biases, which would hide a decay; or
    #: "special": redrawn, with −0, subnormals, NaNs and infinities in frozen leaves.
    weights: str = "initialised"
    #: The change of the gradients of frozen leaves before the optimizer gets them; empty for none.
    disturbed: str = ""
    #: The shape of a target row: that of the prediction, where it is known.
    outputs: tuple[int, ...] = (1,)
    #: The rows of each batch are permuted with this seed (see `row_order`), or left in order.
    order: int | None = None
    #: All rows stand this many times.
    repeats: int = 1
    #: Batches that a user's strategy drew, one per step.
    batches: tuple[Drawn, ...] | None = None
    #: For subjects that train any architecture and freeze any leaves of it.
    architecture: Any = None
    frozen: tuple[str, ...] | None = None
    #: Not compiled: the steps of a reference trainer run operation by operation.
    eager: bool = False
    #: Use a new optimizer object, for which a trainer compiles its step again.
    anew: bool = False

    @property
    def nbytes(self) -> int:
        """The bytes of the batches that were drawn."""
        return sum(drawn.nbytes for drawn in self.batches or ())

    @property
    def steps(self) -> int:
        """The number of steps among the actions."""
        return self.actions.count("step")

    def batch(self, number: int) -> Any:
        """Make the fresh, writable batch of a step, counted from 1: a `Batch`, or a copy of what
        the user's own strategy drew.
        """
        if self.batches is not None:
            drawn = self.batches[(number - 1) % len(self.batches)].batch
            return _copy(drawn)
        generator = np.random.default_rng((self.fill, number))
        x = generator.standard_normal((self.rows, self.features), np.float32)
        outputs = self.architecture.outputs if self.architecture else self.outputs
        y = generator.standard_normal((self.rows, *outputs), np.float32)
        numbers = "ordinary" if self.alternating and number % 2 else self.numbers
        x, y = _imposed(numbers, x), _imposed(numbers, y)
        if self.order is not None:
            permuted = another_order(self.order, self.rows)
            x, y = x[permuted], y[permuted]
        return Batch(*(np.concatenate([part] * self.repeats) for part in (x, y)))

    def reweighted(self, path: str, leaf: np.ndarray, frozen: bool) -> np.ndarray:
        """Return other weights for a leaf, of its shape and dtype; only floats change."""
        if not is_float(leaf.dtype):
            return leaf
        named = [int(letter) for letter in path.encode()]
        generator = np.random.default_rng((self.fill, *named))
        drawn = generator.normal(size=leaf.shape)
        fresh = np.asarray((drawn + np.where(drawn < 0, -0.2, 0.2)) / 2, leaf.dtype)
        if frozen and self.weights == "special":
            make_special(fresh, generator)
        return fresh

    def record(self) -> dict[str, Any]:
        """Return the problem as a record for JSON, without the usual values."""
        plain = {each.name: each.default for each in fields(self)}
        values = {name: value for name, value in vars(self).items() if value != plain[name]}
        values["optimizer"] = self.optimizer.record()
        if self.next_optimizer is not None:
            values["next_optimizer"] = self.next_optimizer.record()
        if self.batches is not None:
            values["batches"] = [write_batch(drawn.batch) for drawn in self.batches]
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
            values["batches"] = tuple(Drawn(read_batch(batch)) for batch in values["batches"])
        if "architecture" in values:
            values["architecture"] = Architecture.read(values["architecture"])
        return cls(**values)


def _as_tree(batch: Any) -> Any:
    """Return a batch as a pytree of arrays; another object gives its `.x` and `.y`.

    Raises `UnusableDraw`, which says what `batches=` has to draw.
    """
    try:
        leaves, _ = _flatten(batch)
    except Exception as error:  # keys that cannot be sorted, or a node of the user's that raises
        raise UnusableDraw(
            f"`batches` drew {a_type_of(batch)} whose leaves JAX cannot list: {error}"
        ) from None
    if leaves and all(hasattr(leaf, "dtype") or np.isscalar(leaf) for leaf in leaves):
        return batch
    if hasattr(batch, "x") and hasattr(batch, "y"):
        return Batch(batch.x, batch.y)
    held = "nothing" if not leaves else a_type_of(leaves[0])
    raise UnusableDraw(
        f"`batches` drew {a_type_of(batch)} that holds {held}, expected a batch as "
        "`train_step` takes it: a dict, tuple or named tuple of arrays, nested or not"
    )


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
