"""The oracle's bounds: wide enough for every correct float32 computation, narrow enough to tell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.reference import linen
from frostproof.reference.numerics.error_bounds import Bounded
from frostproof.reference.oracles.exercise_oracle import ExerciseOracle
from frostproof.reference.oracles.initial_weights import initial_weights
from frostproof.reference.problems.exercise_problem import REGIMES, ExerciseProblem
from frostproof.reference.subjects.exercise import Exercise
from frostproof.strategies.problems.exercises import problems
from frostproof.strategies.values import EDGES

#: Problems are drawn for an API, whatever the program.
ANY_LINEN = Exercise(lambda seed, x, y, lr: None, api="linen")
ANY_NNX = Exercise(lambda seed, x, y, lr: None, api="nnx")


def arrays(rows, columns, regime, fill):
    problem = ExerciseProblem("nnx", 0, 1.0, rows, columns, 1, regime, fill)
    return problem.batch().x


#: Correct ways to compute the same, in other orders of summation.
PRODUCTS = {
    "jax": lambda a, b: jnp.asarray(a) @ b,
    "jitted": jax.jit(lambda a, b: a @ b),
    "numpy": lambda a, b: a @ b,
    "summed": lambda a, b: (a[:, :, None] * b).sum(1, dtype=np.float32),
    "backwards": lambda a, b: sum(np.outer(a[:, i], b[i]) for i in range(a.shape[1])[::-1]),
}


@pytest.mark.parametrize("way", PRODUCTS)
@given(st.sampled_from(REGIMES), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_every_correct_product_is_allowed(way, regime, fill):
    """A matrix product in any order lies within the bound, unless it may overflow."""
    a, b = arrays(9, 33, regime, fill), arrays(33, 5, "ordinary", fill + 1)
    expected = Bounded.exact(a) @ Bounded.exact(b)

    assert expected.may_overflow or expected.allows(np.asarray(PRODUCTS[way](a, b), np.float64))


def test_a_product_that_lost_a_term_is_not_allowed():
    """The bound is sharp: one small term of 33, or bfloat16 inputs, lie outside."""
    a, b = arrays(9, 33, "ordinary", 1), arrays(33, 5, "ordinary", 2)
    expected = Bounded.exact(a) @ Bounded.exact(b)
    rounded = np.asarray(jnp.asarray(a, jnp.bfloat16).astype(jnp.float32))

    assert not expected.allows(a[:, 1:].astype(float) @ b[1:])
    assert not expected.allows(rounded.astype(float) @ b)
    assert np.all(expected.error < 1e-4 * np.maximum(1, np.abs(expected.value)))


def test_nan_is_never_allowed():
    """A comparison with NaN is false, and must not pass for agreement."""
    assert not Bounded.exact(np.ones(2)).allows(np.array([1.0, np.nan]))


@given(problems(ANY_LINEN, EDGES), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_correct_loss_is_allowed_in_any_regime(problem, reversed_rows):
    """Another order of rows, eager or compiled: within the bound, or marked as overflowing."""
    x, y = problem.batch()
    if reversed_rows:
        x, y = x[::-1], y[::-1]
    expected = ExerciseOracle(problem).loss
    loss = linen.freeze_first_dense(problem.seed, x, y, problem.learning_rate)[0]

    assert expected.may_overflow or expected.allows(float(loss))


def test_the_loss_is_told_from_its_neighbours():
    """On ordinary batches the bound is far below one part in a thousand."""
    for shape in EDGES:
        problem = ExerciseProblem("linen", 3, 1.0, shape.rows, shape.features, 1, "ordinary", 3)
        loss = ExerciseOracle(problem).loss
        assert loss.error < 1e-3 * loss.value


@pytest.mark.parametrize("seed", [0, 1, 2**24 + 1, 2**31, 2**32 - 1])
def test_the_contract_is_flax_itself(seed):
    """Initial weights are those of the model written out once more, by other calls."""
    import flax.linen as nn
    from flax import nnx

    x = np.zeros((1, 5), np.float32)
    linen_weights = initial_weights("linen", seed, 5, 1)
    dense = nn.Sequential([nn.Dense(8), nn.relu, nn.Dense(1)])
    params = dense.init(jax.random.PRNGKey(seed), x)["params"]
    assert linen_weights.kernel.shape == params["layers_0"]["kernel"].shape == (5, 8)

    rngs = nnx.Rngs(seed)
    first, second = nnx.Linear(5, 4, rngs=rngs), nnx.Linear(4, 3, rngs=rngs)
    weights = initial_weights("nnx", seed, 5, 3)
    np.testing.assert_allclose(weights.kernel, first.kernel[...], rtol=1e-6)
    np.testing.assert_allclose(weights.head_kernel, second.kernel[...], rtol=1e-6)


@given(problems(ANY_NNX, EDGES))
@settings(max_examples=50, deadline=None)
def test_the_head_gradient_is_that_of_jax(problem):
    """The NumPy gradient agrees with automatic differentiation, in float64."""
    x, y = problem.batch()
    weights = initial_weights("nnx", problem.seed, problem.features, problem.outputs)
    oracle = ExerciseOracle(problem)
    hidden = np.maximum(x.astype(float) @ weights.kernel + weights.bias, 0)
    residual = hidden @ weights.head_kernel.astype(float) + weights.head_bias - y
    gradient = hidden.T @ residual * 2 / residual.size

    scale = np.abs(hidden.T) @ np.abs(residual) * 2 / residual.size
    assert np.all(np.abs(gradient - oracle.head_kernel_gradient.value) <= 1e-9 * scale)
