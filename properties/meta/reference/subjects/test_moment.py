"""Moments hold what is large once: a large model is looked at before and after each step."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof import LinenTrainer
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as recipe
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.subjects.moment import take_moment

LARGE = 100, 100


def moment(array):
    return take_moment({"body": array}, None, None, None)


def body(array):
    return moment(array).params["body",].array


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "complex64", "int8"])
def test_a_large_array_of_the_same_bits_is_held_once(dtype):
    """Whatever the trees that it comes from; another dtype of those bits is another array."""
    array = jnp.arange(10_000 * 4).reshape(200, 200).astype(dtype)
    held = body(array)

    assert body(array + 0) is held
    assert body(array.at[0, 0].set(1)) is not held
    assert held.dtype == array.dtype
    assert not held.flags.writeable


def test_other_bits_of_the_same_checksum_are_held_too():
    """Rows in another order have it."""
    array = np.random.default_rng(0).standard_normal(LARGE).astype(np.float32)
    held = body(array)

    other = body(array[::-1])

    assert (held == array).all()
    assert (other == array[::-1]).all()


def test_minus_zero_is_no_zero():
    """Equal numbers of other bits are not one, and neither are equal bits of another dtype."""
    zeros = jnp.zeros(LARGE)
    held, whole = body(zeros), body(zeros.astype(int))

    assert np.signbit(body(-zeros)).all()
    assert not np.signbit(held).any()
    assert body(zeros + 0) is held
    assert body(zeros.astype(int)) is whole


def test_a_frozen_layer_takes_no_memory_at_each_step():
    """Nor does what a recording optimizer is handed of it; a run knows the bytes that it holds."""

    def wrap(optimizer):
        return optax.chain(optimizer, optax.freeze({"body": True, "head": False}))

    create = recipe.creating(recipe.Layers(), wrap)
    trainer = LinenTrainer(create, recipe.stepping(), frozen=("body",))
    problem = TrainingProblem(1, optimizer("sgd"), 2, 1500, 0, ("step",) * 4)

    trajectory = run(trainer, problem)

    kernels = [each.before.params["body", "kernel"].array for each in trajectory.steps]
    assert len({id(kernel) for kernel in kernels}) == 1
    (seen, _), *_ = trajectory.steps[-1].recordings
    assert seen.params["body", "kernel"] is kernels[0]
    # The layer itself, zeros before the first step, and in each step a gradient and an update.
    large = kernels[0].nbytes
    assert 10 * large <= trajectory.nbytes < 11 * large
