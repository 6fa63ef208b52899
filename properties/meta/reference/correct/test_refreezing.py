"""A refreeze carries an optimizer's state over: what belongs to what, and what starts afresh."""

import numpy as np
import pytest

from frostproof.reference.correct.trainers.state_transfer import carry_over, owner

#: With neighbours that sort before and after every part of a path, and are longer.
LEAVES = [
    ("aa", "kernel", "x"),
    ("head", "l1", "kernel"),
    ("l1", "bias"),
    ("l1", "kernel"),
    ("zz", "kernel", "x"),
]


@pytest.mark.parametrize(
    ("path", "leaf"),
    [
        (("mu", "l1", "kernel"), ("l1", "kernel")),
        (("mu", "head", "l1", "kernel"), ("head", "l1", "kernel")),
        (("0", "l1", "bias", "slow"), ("l1", "bias")),
        (("l1", "bias"), ("l1", "bias")),
        (("mu", "l11", "kernel"), None),
        (("mu", "kernel"), None),
        (("count",), None),
    ],
)
def test_a_part_of_the_state_belongs_to_the_longest_path_inside(path, leaf):
    """Wherever it stands in the path; a counter belongs to none."""
    assert owner(path, LEAVES) == leaf
    assert owner(path, LEAVES[::-1]) == leaf


def test_what_is_newly_frozen_starts_afresh():
    """A momentum would carry it on; that of every other leaf is kept, and so are counters."""
    fresh = {"count": np.zeros(()), "mu": {"l1": {"kernel": np.zeros(2), "bias": np.zeros(2)}}}
    old = {"count": np.ones(()), "mu": {"l1": {"kernel": np.ones(2), "bias": np.ones(2)}}}

    carried = carry_over(fresh, old, LEAVES, [("l1", "bias")])

    assert carried["count"] == 1
    assert carried["mu"]["l1"]["kernel"].tolist() == [1, 1]
    assert carried["mu"]["l1"]["bias"].tolist() == [0, 0]


@pytest.mark.parametrize("size", [2, 4])
def test_what_has_another_shape_starts_afresh(size):
    """As the one vector of `optax.flatten`, which grows and shrinks with what is trained."""
    carried = carry_over({"mu": np.zeros(3)}, {"mu": np.ones(size)}, LEAVES, [])

    assert carried["mu"].tolist() == [0, 0, 0]


def test_what_was_not_there_starts_afresh():
    """And what is not there any more is dropped."""
    carried = carry_over({"count": np.zeros(())}, {"other": np.ones(())}, LEAVES, [])

    assert carried == {"count": 0}
