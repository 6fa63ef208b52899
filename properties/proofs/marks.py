"""Marks in a traced program: where gradients are taken, where they enter the optimizer, and a
learning rate kept open.

What a program can look at, the optimizer and its state, is what it would be without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import optax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ...reference.optimizers.optimizer import Optimizer
from ...reference.pytrees.paths import Path, normalise, path_text

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


def mark_unknown(gradient: Any) -> Any:
    """Mark a gradient whose leaf nobody can tell, such as that of a flattened tree."""
    return gradient_p.bind(gradient, leaf="another array", taken=True)


#: An array that is unknown, but for the operands that it depends on.
anything_p = Primitive("frostproof_anything")


def _like(like: Any, *others: Any) -> Any:
    del others
    return like


anything_p.def_abstract_eval(_like)


class AnyOptimizer:
    """Stands for every optimizer whose state is like that of one, and that answers in the form of
    the gradients which it is given.
    """

    def __init__(self, like: Optimizer):
        plain = like.transformation
        self.transformation = optax.GradientTransformation(
            init=plain.init,
            update=lambda gradients, state, params=None: _anything(gradients, state, params),
        )

    def __str__(self) -> str:
        return "any optimizer"


def _anything(gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
    """Return updates and a state that may be anything made of all that the optimizer is given."""
    leaves = [leaf for leaf in jax.tree.leaves((gradients, state, params)) if _is_array(leaf)]

    def any_like(leaf: Any) -> Any:
        return anything_p.bind(leaf, *leaves) if _is_array(leaf) else leaf

    return jax.tree.map(any_like, gradients), jax.tree.map(any_like, state)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "dtype")


class Rate:
    """A learning rate: a number, but while a step is traced for all rates an input of that step."""

    def __init__(self, number: Any):
        # A Python float, so that it is as weakly typed as one that a program writes down.
        self.number = number
        self._now = number

    @property
    def now(self) -> Any:
        """The rate as it is now."""
        return self._now

    @contextmanager
    def kept_open(self, rate: Any) -> Iterator[None]:
        """Let it be another inside the block."""
        self._now = rate
        try:
            yield
        finally:
            self._now = self.number


def watched(
    optimizer: Any, rate: Rate | None = None, *, marked: bool = True
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that marks the gradients which it is given.

    With a rate, a row of the catalogue has this one instead of its own.
    """
    see: Callable[[Any], Any] = mark if marked else lambda gradients: gradients

    def plain() -> optax.GradientTransformationExtraArgs:
        made = optimizer.transformation if rate is None else at_rate(optimizer, rate.now)
        return optax.with_extra_args_support(made)

    def init(params: Any) -> Any:
        return plain().init(params)

    def update(gradients: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        return plain().update(see(gradients), state, params, **extra)

    return optax.GradientTransformationExtraArgs(init, update)


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
