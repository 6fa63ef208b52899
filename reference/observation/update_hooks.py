"""The hooks of the x-ray: observe the updates that code under test makes through Optax and NNX.

`optax.apply_updates` and `nnx.Optimizer.update` are replaced by functions that pass everything
through and, while somebody watches, record the parameters before and after. In a compiled step they
are traced with a callback that records the values of each run. A step that was compiled unwatched
would not call it: so it is traced once more for watched calls (see `retracing`), and once only.
(`jax.disable_jit` shows the same, at 20 times the cost a call.)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..pytrees.paths import named_leaves


@dataclass(frozen=True)
class ObservedUpdate:
    """The parameters before and after one update that an exercise made, by normalised path."""

    before: dict[tuple[str, ...], np.ndarray]
    after: dict[tuple[str, ...], np.ndarray]


#: Recorded here and not in a context variable: callbacks run on threads of the runtime.
_observed: list[ObservedUpdate] | None = None
#: nnx.Optimizer.update calls optax.apply_updates: only the outer of two nested calls is recorded.
_inside = threading.local()
_originals: tuple[Any, Any] | None = None


def install() -> None:
    """Install the hooks for good, before code under test is imported.

    `from optax import apply_updates` binds the function that stands there at that moment.
    """
    global _originals
    if _originals is not None:
        return
    import optax
    from flax import nnx

    from ..optimizers.retracing import as_traced_before

    _originals = (optax.apply_updates, nnx.Optimizer.update)
    apply_updates, update = _originals

    def watched_apply_updates(params: Any, updates: Any) -> Any:
        if _observed is None or getattr(_inside, "update", False):
            with as_traced_before(params, updates):
                return apply_updates(params, updates)
        after = apply_updates(params, updates)
        _observe(named_leaves(params), named_leaves(after))
        return after

    def watched_update(optimizer: Any, model: Any, *arguments: Any, **keywords: Any) -> Any:
        if _observed is None or getattr(_inside, "update", False):
            return update(optimizer, model, *arguments, **keywords)
        # With its arguments swapped, update raises nothing and trains nothing: what counts is
        # what becomes of the module.
        module = next((each for each in (model, *arguments) if isinstance(each, nnx.Module)), model)
        before = named_leaves(module)
        _inside.update = True
        try:
            result = update(optimizer, model, *arguments, **keywords)
        finally:
            _inside.update = False
        _observe(before, named_leaves(module))
        return result

    optax.apply_updates = watched_apply_updates
    nnx.Optimizer.update = watched_update  # type: ignore[assignment]


def uninstall() -> None:
    """Put the original functions back."""
    global _originals
    if _originals is None:
        return
    import optax
    from flax import nnx

    optax.apply_updates, nnx.Optimizer.update = _originals  # type: ignore[method-assign]
    _originals = None


@contextmanager
def watching_updates() -> Iterator[list[ObservedUpdate]]:
    """Record the updates inside the block; they are complete at its end, in any order."""
    global _observed
    import jax

    from ..optimizers.retracing import retraced

    installed_here = _originals is None
    install()
    observed: list[ObservedUpdate] = []
    _observed = observed
    try:
        with retraced(frostproof="watched"):
            yield observed
        jax.effects_barrier()
    finally:
        _observed = None
        if installed_here:
            uninstall()


def _observe(before: dict[tuple[str, ...], Any], after: dict[tuple[str, ...], Any]) -> None:
    """Record two sets of leaves now, or, if they are tracers, at each run of the traced step."""
    import jax

    arrays = [
        {path: leaf for path, leaf in leaves.items() if _is_numeric(leaf)}
        for leaves in (before, after)
    ]
    paths = [tuple(leaves) for leaves in arrays]
    values = [list(leaves.values()) for leaves in arrays]

    def record(before: list[Any], after: list[Any]) -> None:
        if _observed is not None:
            snapshots = [
                {path: np.array(value) for path, value in zip(names, leaves, strict=True)}
                for names, leaves in zip(paths, (before, after), strict=True)
            ]
            _observed.append(ObservedUpdate(*snapshots))

    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values)):
        jax.debug.callback(record, *values)
    else:
        record(*values)


def _is_numeric(leaf: Any) -> bool:
    """Leave PRNG keys and objects aside: the x-ray is about numbers that an update may move."""
    import jax

    return hasattr(leaf, "dtype") and not jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
