"""The article before the name of a type."""

import jax.numpy as jnp
import numpy as np
import pytest

from frostproof.reference.pytrees.articles import a_type_of

Updater = type("Updater", (), {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "an int"),
        ("x", "a str"),
        (np.add, "a ufunc"),
        (np.uint8(3), "a uint8"),
        (Updater(), "an Updater"),
        (jnp.ones(2), "an ArrayImpl"),
        (None, "None"),
    ],
)
def test_a_type_has_the_article_that_is_spoken(value, expected):
    """Before a vowel that is heard; None is not a kind of thing."""
    assert a_type_of(value) == expected
