"""What tells two static values apart: functions, optimizers, modules, the structure of a tree.

JAX compiles again for a function that was made anew, be it the same in all that it does: closures
are compared by identity. Here they are compared by what they are made of.
"""

from __future__ import annotations

import copyreg
import functools
import types
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np

#: Bytes of an array beyond which comparing it would take longer than a step.
_LARGE = 2**20
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))


class Fingerprint(NamedTuple):
    """Two values of equal `parts` do the same, as far as Python shows what they are made of."""

    parts: Hashable
    #: What is known by its identity alone, kept lest another object gets the same.
    kept: tuple[Any, ...]


def fingerprint(value: Any) -> Fingerprint:
    """Return what a static value is made of, down to what its functions have closed over.

    Functions are told apart by their code, defaults, globals and closures; arrays by their bits;
    objects of a class without a say in the matter by their attributes; those that define equality
    by that, as `jax.jit` does; all else, such as a generator, by identity.
    """
    walk = _Walk()
    return Fingerprint(walk(value), tuple(walk.kept))


class _Walk:
    def __init__(self) -> None:
        self.kept: list[Any] = []
        #: Where on the way down a value was met: one that holds itself has no end otherwise.
        self._open: dict[int, int] = {}

    def __call__(self, value: Any) -> Hashable:
        if type(value) in _PLAIN:
            return type(value), repr(value)  # −0.0 is not 0.0, nor 1 True
        if id(value) in self._open:
            return "itself", self._open[id(value)]
        self._open[id(value)] = len(self._open)
        try:
            return self._parts(value)
        finally:
            del self._open[id(value)]

    def _all(self, values: Any) -> tuple[Hashable, ...]:
        return tuple(map(self, values))

    def _parts(self, value: Any) -> Hashable:
        kind = type(value)
        if isinstance(value, tuple | list):
            return kind, self._all(value)
        if kind is dict:
            return kind, self._all(value), self._all(value.values())
        if kind in (set, frozenset):
            return kind, frozenset(map(self, value))
        if kind is types.FunctionType:
            return self._function(value)
        if kind is types.MethodType:
            return kind, self(value.__func__), self(value.__self__)
        if kind is functools.partial:
            return kind, self._all((value.func, value.args, value.keywords))
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value, value)
        if hasattr(value, "node_data") and hasattr(value, "children"):
            return self._tree(value)
        return self._object(value)

    def _function(self, value: types.FunctionType) -> Hashable:
        cells = [cell.cell_contents if _filled(cell) else cell for cell in value.__closure__ or ()]
        self.kept += value.__code__, value.__globals__
        return (
            types.FunctionType,
            id(value.__code__),
            id(value.__globals__),
            self._all((value.__defaults__, value.__kwdefaults__, vars(value))),
            self._all(cells),
        )

    def _array(self, value: Any, array: np.ndarray | np.generic) -> Hashable:
        if array.dtype.kind == "O" or array.nbytes > _LARGE:
            return self._itself(value)
        weak = getattr(value, "weak_type", False)
        return type(value), array.dtype.str, array.dtype.name, array.shape, weak, array.tobytes()

    def _tree(self, structure: Any) -> Hashable:
        """Return the parts of a tree's structure: of each node its class and what is static."""
        data = structure.node_data()
        static = () if data is None else (data[0], self(data[1]))
        return type(structure), static, tuple(map(self._tree, structure.children()))

    def _object(self, value: Any) -> Hashable:
        if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
            return self._itself(value)
        kind: Any = type(value)
        if _is_array(value):
            return self._array(value, np.asarray(value))
        if kind.__eq__ is not object.__eq__ and kind.__hash__ not in (None, object.__hash__):
            try:
                hash(value)
            except Exception:  # it holds what has no hash, such as a dict
                return self._itself(value)
            return kind, value
        return self._attributes(value)

    def _attributes(self, value: Any) -> Hashable:
        """Return the parts of an object that is its attributes and nothing else.

        Pickle knows: it refuses an object that holds more than Python can see, such as a lock.
        """
        kind = type(value)
        if _own_reduction(kind):
            return self._itself(value)
        try:
            reduced = value.__reduce_ex__(2)
        except Exception:
            return self._itself(value)
        made, (_, *arguments), state, *entries = reduced
        if made is not copyreg.__newobj__ or any(each is not None for each in entries):  # type: ignore[attr-defined]
            return self._itself(value)
        self.kept.append(kind)
        return kind, self._all(arguments), self(state)

    def _itself(self, value: Any) -> Hashable:
        self.kept.append(value)
        return "is", id(value)


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _is_array(value: Any) -> bool:
    """Tell whether a value is an array of JAX that can be read: no tracer, no key, not donated."""
    deleted: Callable[[], bool] | None = getattr(value, "is_deleted", None)
    return (
        deleted is not None
        and isinstance(getattr(value, "dtype", None), np.dtype)
        and not deleted()
        and hasattr(value, "addressable_shards")
    )


def _own_reduction(kind: type) -> bool:
    return any(
        getattr(kind, name) is not getattr(object, name)
        for name in ("__reduce__", "__reduce_ex__", "__getstate__")
    )
