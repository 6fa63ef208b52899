"""Special weights: the same for a seed in each release, since scripts and databases hold seeds."""

import ml_dtypes
import numpy as np
import pytest

from frostproof.reference.problems.wrapper_problem import make_special


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", "3f800000 1 0 7f800000 ff800000 3f800000 7fc00001 0 7f800000 3f800000"),
        (ml_dtypes.bfloat16, "3f80 1 0 7f80 ff80 3f80 7fc1 0 7f80 3f80"),
    ],
)
def test_half_of_a_leaf_is_special(dtype, expected):
    """Zeros of both signs, subnormals, infinities, and NaNs with a payload."""
    leaf = np.ones((2, 5), dtype)

    make_special(leaf, np.random.default_rng(2))

    assert [f"{bits:x}" for bits in leaf.ravel().view(f"u{leaf.itemsize}")] == expected.split()
