"""An optimizer that remembers, in its own state, what it was given last and what it answered.

The state is the one place that every program keeps: it survives jit, scan, donation and whatever
wrapper the program puts around the optimizer, and is found again by the names of its fields.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..pytrees.paths import normalise
from .retracing import as_traced_before
from .state_looks import is_looker, notice


class _Parts(NamedTuple):
    """What the state of a recording optimizer holds.

    The names are long so that no other state has them: a snapshot is searched for them.
    """

    frostproof_inner: Any
    #: As they came; zeros before the first update.
    frostproof_gradients: Any
    #: As they were handed over; zeros where `update` is called without them.
    frostproof_params: Any
    frostproof_updates: Any
    #: How many updates there were: int32.
    frostproof_count: Any


class FrostproofState(_Parts):
    """The state of a recording optimizer: that of the optimizer inside, and the last update.

    A program that takes something out of it, or asks for its type, is noticed.
    """

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The type, which `isinstance` asks for unless it is that of any tuple."""
        notice()
        return FrostproofState

    def __getitem__(self, place: Any) -> Any:
        """Return a part by its place."""
        notice()
        return super().__getitem__(place)

    def __getattr__(self, name: str) -> Any:
        """Refuse an attribute that the state of some optimizer may have."""
        if not name.startswith("__"):
            notice()
        raise AttributeError(name)

    def __iter__(self) -> Iterator[Any]:
        """Go through the parts."""
        notice()
        return super().__iter__()

    def __len__(self) -> int:
        """Return how many parts there are, which a pattern and `bool` ask for, too."""
        notice()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        """Tell whether another state is equal."""
        notice()
        return super().__eq__(other)

    def __contains__(self, part: object) -> bool:
        """Tell whether something is a part."""
        notice()
        return super().__contains__(part)

    def __repr__(self) -> str:
        """Show the parts."""
        notice()
        return super().__repr__()

    __hash__ = _Parts.__hash__

    @property
    def count(self) -> Any:
        """What is a method of every tuple, and a number of steps in the states of many."""
        notice()
        return super().count


#: How often recording optimizers were called so far: a program that never does has its own.
_calls = 0


def calls() -> int:
    """Return how often any recording optimizer was called so far, or traced."""
    return _calls


@functools.cache  # a trainer compiles again for every optimizer object that is new to it
def recording(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that does the same and records; the same object for the same one.

    `recording.__wrapped__` makes a new one, for which a trainer compiles once more.
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> FrostproofState:
        global _calls
        _calls += 1
        # Three trees, not one three times: a program that donates its state donates each buffer.
        gradients, seen, updates = (jax.tree.map(_zeros, params) for _ in range(3))
        count = jnp.zeros((), jnp.int32)
        return FrostproofState(optimizer.init(params), gradients, seen, updates, count)

    def update(
        gradients: Any, state: FrostproofState, params: Any = None, **extra: Any
    ) -> tuple[Any, FrostproofState]:
        global _calls
        _calls += 1
        with as_traced_before(gradients, state, params):
            return recorded_update(gradients, state, params, **extra)

    def recorded_update(
        gradients: Any, state: FrostproofState, params: Any, **extra: Any
    ) -> tuple[Any, FrostproofState]:
        updates, inner = optimizer.update(gradients, state.frostproof_inner, params, **extra)
        seen = state.frostproof_params if params is None else params
        # Another structure would end a scan, and a module in a state the tree itself: what
        # was handed over takes the form that the state has.
        form = state.frostproof_gradients
        kept = [_copy(_in_form(form, tree)) for tree in (gradients, seen, updates)]
        if None in kept:  # of unknown leaves: it is as if there had been no update
            return updates, state._replace(frostproof_inner=inner)
        count = state.frostproof_count + 1
        return updates, FrostproofState(inner, kept[0], kept[1], kept[2], count)

    return optax.GradientTransformationExtraArgs(init, update)


def handed(program: Callable[..., Any], optimizer: Any, *, anew: bool = False) -> Any:
    """Return the optimizer that a program is handed: one that records what it is given.

    A program that looks at its state is handed the optimizer itself.

    Args:
        program: the function by which the program is known (see `state_looks`).
        optimizer: the transformation.
        anew: whether it has to be another object than that of any other training.
    """
    if is_looker(program):
        return optax.with_extra_args_support(optimizer)
    return recording.__wrapped__(optimizer) if anew else recording(optimizer)


def _copy(tree: Any) -> Any:
    """Copy the arrays of a tree, so that no program that donates them takes the record with them.

    A traced value needs no copy: what a compiled step returns has its own buffer.
    """

    def copy(leaf: Any) -> Any:
        if isinstance(leaf, jax.core.Tracer) or not isinstance(leaf, jax.Array):
            return leaf
        return leaf.copy() if leaf.committed else _quick_copy(leaf)

    return jax.tree.map(copy, tree)


#: Compiled, they take a tenth of the time. What a program has placed keeps its place without them.
_quick_copy = jax.jit(jnp.copy)
_quick_zeros = jax.jit(jnp.zeros_like)


def _zeros(leaf: Any) -> Any:
    """Return what stands for a leaf before the first update; None for a function, or an object."""
    if isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer | jax.Ref):
        return jnp.zeros_like(leaf) if leaf.committed else _quick_zeros(leaf)
    return jnp.zeros_like(leaf) if jnp.isscalar(leaf) or hasattr(leaf, "dtype") else None


def _in_form(form: Any, tree: Any) -> Any:
    """Return the leaves of a tree in another form, by their paths; None where no path is the same.

    What the tree lacks is zero: of leaves that are frozen, Equinox's gradients and Optax's updates
    have None.
    """
    structure: Any = jax.tree.structure(form)
    if structure == jax.tree.structure(tree):
        return jax.tree.unflatten(structure, jax.tree.leaves(tree))
    given = {normalise(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}
    places = jax.tree.leaves_with_path(form)
    paths = [normalise(path) for path, _ in places]
    if given and not given.keys() & set(paths):
        if len(given) != len(paths):
            return None
        paths = list(given)
    leaves = [
        given[path] if path in given else jnp.zeros_like(leaf)
        for path, (_, leaf) in zip(paths, places, strict=True)
    ]
    return jax.tree.unflatten(structure, leaves)
