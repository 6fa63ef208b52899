"""Odd values: what a state, a parameter or an answer may hold that nobody thought of."""

import enum
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import flax
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

Pair = namedtuple("Pair", "first second")


class Colour(enum.Enum):
    """A value without numbers."""

    RED = 1


@jax.tree_util.register_dataclass
@dataclass
class Registered:
    """A dataclass that JAX knows."""

    inner: Any


@dataclass
class Unregistered:
    """A dataclass that JAX takes for a leaf."""

    inner: Any


class Untold:
    """An object that raises whatever it is asked."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = object.__hash__


class NoArray:
    """An object that claims to be an array."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array")


class FalseDtype:
    """An object with the attributes of an array, and nothing in them."""

    dtype = "none"
    shape = None


@jax.tree_util.register_pytree_node_class
class RaisingNode:
    """A node that cannot be flattened."""

    def tree_flatten(self) -> Any:
        raise RuntimeError("cannot be flattened")

    @classmethod
    def tree_unflatten(cls, *_: Any) -> Any:
        return cls()


@jax.tree_util.register_pytree_node_class
class StaticArray:
    """A node whose static part is an array, which has no one truth value when compared."""

    def tree_flatten(self) -> Any:
        return (jnp.ones(2),), np.arange(3)

    @classmethod
    def tree_unflatten(cls, *_: Any) -> Any:
        return cls()


class UnhashableKey(list):
    """Nothing but a list, which is not a key."""


def deleted() -> Any:
    """Return an array whose buffer is gone."""
    array = jnp.ones(3) + 0
    array.delete()
    return array


#: By name, what makes a new one of each.
ODD_VALUES = {
    "float array": lambda: jnp.ones(3),
    "function": lambda: jnp.tanh,
    "lambda": lambda: lambda x: x,
    "None": lambda: None,
    "empty dict": dict,
    "empty tuple": tuple,
    "empty list": list,
    "text": lambda: "text",
    "bytes": lambda: b"bytes",
    "object": object,
    "class": lambda: dict,
    "0-d": lambda: jnp.float32(2.0),
    "0-d of NumPy": lambda: np.array(2.0),
    "NumPy scalar": lambda: np.float64(2.0),
    "bool array": lambda: jnp.array([True, False]),
    "int4": lambda: jnp.array([1, -2], jnp.int4),
    "uint4 of NumPy": lambda: np.array([1, 2], ml_dtypes.uint4),
    "int2": lambda: jnp.array([1, -2], jnp.int2),
    "float4": lambda: jnp.array([1, 2], jnp.float4_e2m1fn),
    "float8": lambda: jnp.array([1, 2], jnp.float8_e4m3fn),
    "bfloat16 of NumPy": lambda: np.ones(2, ml_dtypes.bfloat16),
    "complex": lambda: jnp.array([1 + 2j, 3]),
    "key": lambda: jax.random.key(1),
    "keys": lambda: jax.random.split(jax.random.key(1), 3),
    "old key": lambda: jax.random.PRNGKey(1),
    "float64 of NumPy": lambda: np.ones((2, 2)),
    "longdouble": lambda: np.ones(2, np.longdouble),
    "text array": lambda: np.array(["a", "b"]),
    "object array": lambda: np.array([None, "b"], object),
    "structured array": lambda: np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "dates": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "float0": lambda: np.zeros(2, jax.dtypes.float0),
    "masked array": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    "matrix view": lambda: np.ones((3, 4), np.float32)[:, ::2],
    "big-endian": lambda: np.ones(3, ">f4"),
    "read-only": lambda: np.frombuffer(b"\0" * 8, np.float32),
    "NaN": lambda: jnp.array([jnp.nan, 1.0]),
    "inf": lambda: jnp.array([jnp.inf, -0.0]),
    "no elements": lambda: jnp.zeros((0, 3)),
    "six dimensions": lambda: jnp.ones((1,) * 6),
    "int": lambda: 3,
    "float": lambda: 3.5,
    "complex number": lambda: 3j,
    "bool": lambda: True,
    "huge int": lambda: 2**70,
    "shape": lambda: jax.ShapeDtypeStruct((2,), jnp.float32),
    "deleted": deleted,
    "ref": lambda: jax.new_ref(jnp.ones(2)),
    "int keys": lambda: {0: jnp.ones(2), 1: jnp.zeros(2)},
    "mixed keys": lambda: {0: jnp.ones(2), "a": jnp.zeros(2)},
    "tuple keys": lambda: {("a", 1): jnp.ones(2)},
    "two of one path": lambda: {"a/b": jnp.ones(2), "a": {"b": jnp.ones(2)}},
    "one key twice": lambda: [{1: jnp.ones(2)}, {"1": jnp.ones(2)}],
    "empty name": lambda: {"": jnp.ones(2)},
    "odd name": lambda: {"a\n\x1b[31m*[": jnp.ones(2)},
    "key None": lambda: {None: jnp.ones(2)},
    "named tuple": lambda: Pair(jnp.ones(2), None),
    "dataclass": lambda: Registered(jnp.ones(2)),
    "dataclass that is a leaf": lambda: Unregistered(jnp.ones(2)),
    "enumeration": lambda: Colour.RED,
    "set": lambda: {1, 2},
    "range": lambda: range(3),
    "generator": lambda: iter([1]),
    "untold": Untold,
    "array that raises": NoArray,
    "false dtype": FalseDtype,
    "node that raises": RaisingNode,
    "static array": StaticArray,
    "FrozenDict": lambda: flax.core.freeze({"a": jnp.ones(2)}),
    "box": lambda: flax.core.meta.Partitioned(jnp.ones(2), names=("x",)),
    "variable": lambda: flax.nnx.Param(jnp.ones(2)),
    "variable of text": lambda: flax.nnx.Variable("text"),
    "module": lambda: flax.nnx.Linear(1, 1, rngs=flax.nnx.Rngs(0)),
    "NNX state": lambda: flax.nnx.State({"a": flax.nnx.Param(jnp.ones(2))}),
    "rngs": lambda: flax.nnx.Rngs(0),
    "dtype": lambda: jnp.float32,
    "NumPy dtype": lambda: np.dtype("f4"),
    "exception": lambda: ValueError("a value"),
    "deep": lambda: [[[[[[jnp.ones(1)]]]]]],
}


class Unspoken(Exception):
    """An exception whose message raises."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


class OddNotes(Exception):
    """An exception with notes that are none."""

    __notes__ = 3


#: Exceptions by name, as code raises them.
RAISED = {
    "ValueError": lambda: ValueError("of the program"),
    "TypeError": lambda: TypeError("frozen by the program"),
    "KeyError": lambda: KeyError(("a", "b")),
    "no message": lambda: Unspoken(),
    "odd notes": lambda: OddNotes("odd"),
    "SystemExit": lambda: SystemExit(3),
    "GeneratorExit": lambda: GeneratorExit(),
    "StopIteration": lambda: StopIteration(),
    "AssertionError": lambda: AssertionError(),
    "RecursionError": lambda: RecursionError("too deep"),
    "MemoryError": lambda: MemoryError(),
    "ExceptionGroup": lambda: ExceptionGroup("several", [ValueError("one")]),
    "control codes": lambda: ValueError("\x1b[31m\ud800\n</td>"),
    "odd arguments": lambda: ValueError(np.ones(3), None),
}
