"""Makes an optimizer whose update is compiled as a whole where a program calls it outside `jit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a law book is read without loading JAX
    import optax


def compiled(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Return an optimizer that does the same, compiled once per structure of its arguments.

    It is the plain optimizer inside a program that is traced, and for a tree that does not hold
    numbers alone, which a compiled function cannot take.
    """
    import jax
    import numpy as np
    import optax

    optimizer = optax.with_extra_args_support(optimizer)
    update = jax.jit(optimizer.update)

    def is_number(leaf: Any) -> bool:
        if isinstance(leaf, jax.Array):
            return not isinstance(leaf, jax.core.Tracer)
        return isinstance(leaf, np.ndarray | np.generic | bool | int | float | complex)

    def compiled_update(
        gradients: Any, state: Any, params: Any = None, **extra: Any
    ) -> tuple[Any, Any]:
        numbers = all(map(is_number, jax.tree.leaves((gradients, state, params, extra))))
        run = update if numbers else optimizer.update
        answer: tuple[Any, Any] = run(gradients, state, params, **extra)
        return answer

    return optax.GradientTransformationExtraArgs(optimizer.init, compiled_update)
