"""Marks in a traced program: where gradients are taken, where they enter the optimizer, and a
learning rate kept open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ...reference.optimizers.optimizer import Optimizer
from ...reference.pytrees.paths import Path, normalise, path_text
from .opaque_state import OpaqueState

#: The identity; an equation of it says that this array is the gradient of a leaf, as it is taken or
#: as the optimizer is given it.
gradient_p = Primitive("frostproof_gradient")


def _identity(gradient: Any, *, leaf: str, taken: bool) -> Any:
    del leaf, taken
    return gradient


gradient_p.def_impl(_identity)
gradient_p.def_abstract_eval(_identity)
mlir.register_lowering(gradient_p, mlir.lower_fun(_identity, multiple_results=False))
ad.deflinear2(gradient_p, lambda cotangent, _, **marked: [cotangent])
batching.defvectorized(gradient_p)


def mark(gradients: Any) -> Any:
    """Mark every leaf of a tree as the gradient of the parameter that has its path."""

    def marked(key_path: Any, leaf: Any) -> Any:
        if not hasattr(leaf, "dtype"):
            return leaf
        return gradient_p.bind(leaf, leaf=path_text(normalise(key_path)), taken=False)

    return jax.tree_util.tree_map_with_path(marked, gradients)


def mark_taken(gradient: Any, path: Path) -> Any:
    """Mark the gradient of a leaf where the program takes it, before the optimizer is given it."""
    return gradient_p.bind(gradient, leaf=path_text(path), taken=True)


#: An array of which nothing is known, except that it depends on the operands.
anything_p = Primitive("frostproof_anything")


def _like(like: Any, *others: Any) -> Any:
    del others
    return like


anything_p.def_abstract_eval(_like)


class _AnyOptimizer:
    """Stands for every optimizer that answers in the form of the gradients which it is given."""

    transformation = optax.GradientTransformation(
        init=lambda params: OpaqueState(
            frostproof_state=jax.tree.map(jax.numpy.zeros_like, params)
        ),
        update=lambda gradients, state, params=None: _anything(gradients, state, params),
    )

    def __str__(self) -> str:
        return "any optimizer"


ANY_OPTIMIZER = _AnyOptimizer()


def _anything(gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
    """Return updates and a state that may be anything made of all that the optimizer is given."""
    leaves = [leaf for leaf in jax.tree.leaves((gradients, state, params)) if _is_array(leaf)]

    def any_like(leaf: Any) -> Any:
        return anything_p.bind(leaf, *leaves) if _is_array(leaf) else leaf

    return jax.tree.map(any_like, gradients), jax.tree.map(any_like, state)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "dtype")


def watched(
    optimizer: Any, rate: Any = None, *, marked: bool = True
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that marks the gradients which it is given.

    With a rate, a row of the catalogue keeps its learning rate in the state, starting with this
    one, and can be traced for all rates at once.
    """
    see: Callable[[Any], Any] = mark if marked else lambda gradients: gradients
    if rate is None:
        plain = optax.with_extra_args_support(optimizer.transformation)

        def update(gradients: Any, state: Any, params: Any = None, **extra: Any) -> Any:
            return plain.update(see(gradients), state, params, **extra)

        return optax.GradientTransformationExtraArgs(plain.init, update)

    def rated(rate: Any, state: Any) -> OpaqueState:
        # A Python float, so that it is as weakly typed as one that a program writes down.
        return OpaqueState(frostproof_rate=rate, frostproof_state=state)

    def init(params: Any) -> OpaqueState:
        return rated(rate, at_rate(optimizer, rate).init(params))

    def rated_update(
        gradients: Any, state: OpaqueState, params: Any = None, **extra: Any
    ) -> tuple[Any, OpaqueState]:
        at = optax.with_extra_args_support(at_rate(optimizer, state.frostproof_rate))
        updates, inner = at.update(see(gradients), state.frostproof_state, params, **extra)
        return updates, rated(state.frostproof_rate, inner)

    return optax.GradientTransformationExtraArgs(init, rated_update)


def at_rate(optimizer: Optimizer, rate: Any) -> Any:
    """Build a row of the catalogue with a rate that may be traced."""
    build: Callable[[Any], Any] = eval(f"lambda rate: {_source(optimizer)}", _NAMES)
    return build(rate)


_NAMES = {"jax": jax, "optax": optax}


def _source(optimizer: Optimizer) -> str:
    arguments = ", ".join(
        f"{key}=rate" if key == "learning_rate" else f"{key}={value!r}"
        for key, value in optimizer.hyperparameters
    )
    inner = optimizer.inner and _source(optimizer.inner)
    return optimizer.entry.template.format(arguments, inner=inner)


def has_rate(optimizer: Any) -> bool:
    """Tell whether an optimizer is a row of the catalogue that has a learning rate."""
    if not isinstance(optimizer, Optimizer):
        return False
    own = any(key == "learning_rate" for key, _ in optimizer.hyperparameters)
    return own or has_rate(optimizer.inner)
