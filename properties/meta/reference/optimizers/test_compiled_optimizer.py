"""An optimizer that is compiled as a whole answers as before, and is traced once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof.reference.observation.compilations import compilations
from frostproof.reference.optimizers.catalogue import CATALOGUE
from frostproof.reference.optimizers.compiled_optimizer import compiled
from frostproof.reference.optimizers.optax_releases import too_new
from frostproof.reference.optimizers.optimizer import optimizer

PARAMS = {"a": jnp.ones((3, 2)), "b": jnp.ones(2)}
GRADIENTS = {"a": jnp.full((3, 2), 0.5), "b": jnp.full(2, -2.0)}


def counting(traced: list[Any]) -> optax.GradientTransformation:
    """Return an optimizer that notes the gradients it is called with."""

    def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        traced.append(gradients)
        return jax.tree.map(lambda leaf: None if leaf is None else -leaf, gradients), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def test_it_is_traced_once_and_answers_the_same() -> None:
    """Three updates of one structure, and a fourth of another."""
    traced: list[Any] = []
    once = compiled(counting(traced))
    for _ in range(3):
        updates, _ = once.update(GRADIENTS, once.init(PARAMS), PARAMS)
        np.testing.assert_array_equal(updates["b"], [2.0, 2.0])
    assert len(traced) == 1
    once.update({"a": GRADIENTS["a"]}, once.init(PARAMS))
    assert len(traced) == 2


def test_a_tree_with_functions_in_it_is_updated_as_before() -> None:
    """A compiled function would refuse it."""
    gradients = {"activation": jax.nn.relu, "kernel": jnp.ones(2)}
    passing = compiled(
        optax.GradientTransformation(lambda params: (), lambda g, state, params=None: (g, state))
    )
    assert passing.update(gradients, ())[0]["activation"] is jax.nn.relu


def test_inside_of_a_traced_program_it_is_the_optimizer_itself() -> None:
    """So that a program in which it is compiled is that which a script of plain Optax has."""
    plain = optax.apply_if_finite(optax.adam(0.1), 3)
    state = plain.init(PARAMS)
    before, after = (
        jax.make_jaxpr(update)(GRADIENTS, state, PARAMS)
        for update in (plain.update, compiled(plain).update)
    )
    assert len(before.eqns) == len(after.eqns) > 1


BRANCHING = (
    *("apply_if_finite", "galore", "mechanize", "multi_steps", "multi_steps_skipping_nan", "muon"),
)


@pytest.mark.parametrize("name", [name for name in BRANCHING if not too_new(name)])
def test_rows_that_branch_are_compiled_once(name: str) -> None:
    """The third eager update of such a row has nothing left to compile."""
    inner = optimizer("adam") if CATALOGUE[name].wraps else None
    transformation = optax.with_extra_args_support(optimizer(name, inner).transformation)
    state = transformation.init(PARAMS)
    counted = [compilations()]
    for _ in range(4):
        _, state = transformation.update(GRADIENTS, state, PARAMS)
        counted.append(compilations())
    assert counted[2] == counted[4]
