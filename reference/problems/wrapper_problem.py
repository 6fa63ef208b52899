"""Problems of Optax wrappers: a drawn tree of parameters, a mask, an optimizer, gradients."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import ml_dtypes
import numpy as np

from ..optimizers.disturbances import DISTURBANCES
from ..optimizers.optimizer import Optimizer, optimizer, read_optimizer
from ..pytrees.paths import normalise, path_text
from .applications import APPLICATIONS

_F32, _F16, _BF16 = np.dtype("float32"), np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)


class Shaped(tuple[int, ...]):
    """The shape of a leaf, with its dtype; unlike a plain tuple, it is not a pytree node."""

    dtype: np.dtype[Any]

    def __new__(cls, *shape: int, dtype: np.dtype[Any] = _F32) -> Shaped:
        """Return the shape of a float32 leaf, or of another dtype."""
        shaped = super().__new__(cls, shape)
        shaped.dtype = dtype
        return shaped


def _dense(*shape: int, dtype: np.dtype[Any] = _F32) -> dict[str, Shaped]:
    return {"kernel": Shaped(*shape, dtype=dtype), "bias": Shaped(shape[-1], dtype=dtype)}


#: Structures of parameters, the plainest first. Few, since each new shape is a compilation. Several
#: have depth, a scalar, or more than ten leaves: a fault that needs one would live long otherwise.
TREES: Mapping[str, Any] = {
    "two leaves": {"backbone": Shaped(2), "head": Shaped(2)},
    "one leaf": {"head": Shaped(2)},
    "two layers": {"Dense_0": _dense(3, 4), "Dense_1": _dense(4, 2)},
    # Names that are prefixes, suffixes and repeats of each other.
    "colliding names": {
        "l1": _dense(3, 4),
        "l11": _dense(3, 4),
        "xl1": {"kernel": Shaped(2)},
        "head": {"l1": _dense(4, 2)},
    },
    "numbered": {"encoder": {f"Dense_{n}": {"kernel": Shaped(3)} for n in range(1, 13)}},
    "nested": {
        "encoder": {"block_1": _dense(3, 4), "block_10": _dense(3, 4)},
        "head": {"kernel": Shaped(4, 2), "scale": Shaped()},
    },
    # Leaves of one shape: state that is mixed up between two of them fits all the same.
    "twelve leaves": {"body": {f"layer_{n}": _dense(3, 4) for n in range(6)}},
    "sequences": ({"w": Shaped(3)}, [Shaped(2), Shaped(3, 4)], {"w": Shaped(2)}),
    "scalar": {"scale": Shaped(), "kernel": Shaped(3, 4)},
    "bfloat16": {"body": _dense(3, 4, dtype=_BF16), "head": _dense(4, 2)},
    "float16": {"body": _dense(3, 4, dtype=_F16), "head": _dense(4, 2)},
}

#: How gradients are made. `huge` squares beyond float32.
GRADIENTS = ("ordinary", "zero", "tiny", "huge", "inf", "nan", "nan in trainable")
_SPECIAL = (-0.0, 0.0, 1e-40, -1e-45, np.inf, -np.inf)


@dataclass(frozen=True)
class TreeProblem:
    """One run of an Optax wrapper, as few values: leaves are filled from `fill` when needed."""

    tree: str
    #: Frozen leaves, as paths with "/".
    frozen: tuple[str, ...]
    optimizer: Optimizer
    steps: int
    fill: int
    weights: str = "ordinary"
    gradients: str = "ordinary"
    disturbed: str = ""
    applied: str = "once"
    jitted: bool = False

    def params(self) -> Any:
        """Return NumPy parameters, without zeros unless the weights are special."""
        return self._filled(0, self.weights)

    def masks(self) -> list[Any]:
        """Return the trees of bools, True where a leaf is frozen, by which the freeze is applied
        one after the other.
        """
        masked = APPLICATIONS[self.applied](self.frozen, leaf_paths(self.tree))
        return [self._mapped(lambda path, shape, in_it=in_it: path in in_it) for in_it in masked]

    def gradient(self, step: int) -> Any:
        """Return the gradients of a step, counted from 1: the tree of the parameters' dtypes."""

        from jax.tree_util import tree_flatten_with_path, tree_unflatten

        def impose(path: str, leaf: np.ndarray) -> np.ndarray:
            frozen = path in self.frozen
            leaf = _imposed(self.gradients, leaf, frozen)
            disturb = DISTURBANCES.get(self.disturbed) if frozen else None
            return np.asarray(disturb(leaf, np)) if disturb else leaf

        drawn = self._filled(step, "ordinary")
        leaves, form = tree_flatten_with_path(drawn)
        imposed = [impose(path_text(normalise(path)), leaf) for path, leaf in leaves]
        return tree_unflatten(form, imposed)

    def record(self) -> dict[str, Any]:
        """Return the problem as a record for JSON."""
        return vars(self) | {"optimizer": self.optimizer.record(), "frozen": list(self.frozen)}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> TreeProblem:
        """Return the problem of a record; raises `ValueError`, `TypeError` or `KeyError`."""
        names = {each.name for each in fields(cls)}
        if record.keys() - names or record["tree"] not in TREES:
            raise ValueError(f"{record!r} is not a record of a tree problem")
        values = dict(record) | {
            "optimizer": read_optimizer(record["optimizer"]),
            "frozen": tuple(record["frozen"]),
        }
        return cls(**values)

    def _mapped(self, make: Any) -> Any:
        from jax.tree_util import tree_map_with_path  # here: a law book is read without JAX

        return tree_map_with_path(
            lambda path, shape: make(path_text(normalise(path)), shape),
            TREES[self.tree],
            is_leaf=lambda node: isinstance(node, Shaped),
        )

    def _filled(self, stream: int, regime: str) -> Any:
        generator = np.random.default_rng((self.fill, stream))

        def fill(path: str, shape: Shaped) -> np.ndarray:
            # At least a tenth: decay shows on no zero, and a gradient of zero moves nothing.
            drawn = generator.normal(size=tuple(shape))
            leaf = np.asarray(drawn + np.where(drawn < 0, -0.1, 0.1), shape.dtype)
            if regime == "special":
                make_special(leaf, generator)
            return leaf

        return self._mapped(fill)


@functools.cache
def leaf_paths(tree: str) -> tuple[str, ...]:
    """Return the paths of a structure's leaves, with "/", in the tree's order."""
    from jax.tree_util import tree_flatten_with_path

    plain = TreeProblem(tree, (), optimizer("sgd"), 1, 0)
    leaves, _ = tree_flatten_with_path(plain.params())
    return tuple(path_text(normalise(path)) for path, _ in leaves)


def make_special(leaf: np.ndarray, generator: np.random.Generator) -> None:
    """Put numbers that arithmetic does not keep into half of a leaf, in place.

    These are −0, subnormals, infinities and NaNs with a payload.
    """
    flat = leaf.reshape(-1)
    bits = flat.view(f"u{leaf.itemsize}")
    drawn = generator.integers(2 * (len(_SPECIAL) + 1), size=flat.size)
    for choice, number in enumerate((*_SPECIAL, np.nan)):
        chosen = drawn == choice
        with np.errstate(over="ignore", under="ignore"):
            flat[chosen] = number
        if number and np.isfinite(number):
            # The smallest subnormal of the dtype, which determines what is subnormal.
            bits[chosen] = 1
        elif np.isnan(number):
            bits[chosen] |= 1


def _imposed(regime: str, leaf: np.ndarray, frozen: bool) -> np.ndarray:
    match regime:
        case "zero":
            return np.zeros_like(leaf)
        case "tiny":
            return np.asarray(leaf * np.asarray(1e-4, leaf.dtype))
        case "huge":
            return np.asarray(leaf * np.asarray(ml_dtypes.finfo(leaf.dtype).max / 16, leaf.dtype))
        case "inf" | "nan":
            return _with(leaf, np.inf if regime == "inf" else np.nan)
        case "nan in trainable" if not frozen:
            return _with(leaf, np.nan)
    return leaf


def _with(leaf: np.ndarray, value: float) -> np.ndarray:
    leaf = leaf.copy()
    leaf.reshape(-1)[0] = value
    return leaf
