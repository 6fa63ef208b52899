"""Tells whether a program undoes an update: whether it ever holds the restored parameters.

`restore after update` and `report the initial norm although the kernel moved` make the same update
and give the same answer. They differ in what they hold afterwards: a program that restores has, at
some moment, a tree with the new head and the old first layer in it. So the program is run once
more, eagerly, while the variables and return values of its own functions are looked through.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from types import FrameType
from typing import Any

import jax
import numpy as np

from ..pytrees.paths import Path, named_leaves
from .update_hooks import ObservedUpdate, watching_updates

#: What these packages hold during an update says nothing about what the program holds.
_LIBRARIES = sys.stdlib_module_names | {"flax", "jax", "numpy", "optax"}


def restores(call: Callable[[], Any], path: Path) -> bool:
    """Run a call, and tell whether it ever holds the restored parameters.

    These are the leaf at `path` as it was before the update that moved it, together with another
    leaf as that update left it. True also where nothing can be seen, since the call raises without
    compilation.
    """
    looked: Future[bool] = Future()

    def look() -> None:
        try:
            looked.set_result(_holds(call, path))
        except BaseException as error:  # such as an exit of the program's
            looked.set_exception(error)

    # In its own thread, whose stack frames nobody misses afterwards: all that the program
    # holds is tried, and jaxlib 0.10.2 gives frames up for good with each tree that it cannot
    # flatten (`findings/flattening_that_raises_costs_the_stack.sh`). A profiler is left alone, too.
    Thread(target=copy_context().run, args=(look,), daemon=True).start()
    return looked.result()


def _holds(call: Callable[[], Any], path: Path) -> bool:
    with jax.disable_jit(), watching_updates() as updates:
        looking = _Looking(updates, path)
        sys.setprofile(looking)
        try:
            call()
        except Exception:  # eager execution fails where the compiled one did not: no evidence
            return True
        finally:
            sys.setprofile(None)
    return looking.found


class _Looking:
    """A profile function that examines what the program's functions hold as they return."""

    def __init__(self, updates: list[ObservedUpdate], path: Path):
        self.updates = updates
        self.path = path
        self.found = False

    def __call__(self, frame: FrameType, event: str, returned: Any) -> None:
        if event != "return" or self.found or not self.updates:
            return
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _LIBRARIES:
            return
        self.found = any(map(self._is_restored, (*frame.f_locals.values(), returned)))

    def _is_restored(self, value: Any) -> bool:
        leaves = _bits(_leaves(value))
        for update in self.updates:
            if self.path not in update.after:
                continue
            (old,) = _bits([update.before[self.path]])
            (new,) = _bits([update.after[self.path]])
            others = _bits(update.after.values()) - _bits(update.before.values()) - {new}
            # A pair (old params, new params) holds both versions, and is not a restored tree.
            if old in leaves and new not in leaves and leaves & others:
                return True
        return False


def _leaves(value: Any) -> Iterable[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX deprecates iterators as leaves
            return named_leaves(value).values()
    except Exception:  # no tree of parameters, whatever it is
        return ()


def _bits(leaves: Iterable[Any]) -> set[tuple[Any, ...]]:
    arrays = (np.asarray(leaf) for leaf in leaves if _is_array(leaf))
    return {(array.shape, array.dtype.name, array.tobytes()) for array in arrays}


def _is_array(leaf: Any) -> bool:
    """Leave aside what only looks like an array: NumPy's own types have a dtype as well."""
    if isinstance(leaf, jax.core.Tracer) or not isinstance(leaf, jax.Array | np.ndarray):
        return False
    return not jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
