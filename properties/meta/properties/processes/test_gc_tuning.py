"""Python searches for cycles less often while code is judged, and as before after that."""

import gc

import pytest

from frostproof import OptaxFreeze, verify
from frostproof.properties.processes.gc_tuning import searching_seldom
from frostproof.reference.correct.wrappers import partition_with_set_to_zero as partition

PYTHONS_OWN = (700, 10, 10)


@pytest.fixture(autouse=True)
def settings():
    """Begin with Python's settings, and put those of this process back."""
    before = gc.get_threshold()
    gc.set_threshold(*PYTHONS_OWN)
    yield
    gc.set_threshold(*before)


def test_an_object_is_judged_with_a_search_now_and_then():
    """In the process of whoever wrote the test."""
    seen = []

    def freeze(optimizer, mask):
        seen.append(gc.get_threshold()[0])
        return partition.fn(optimizer, mask)

    verify(OptaxFreeze(freeze), laws=["frozen-value"], max_examples=2, seed=1, proofs=False)

    assert max(seen) > 10 * PYTHONS_OWN[0]
    assert gc.get_threshold() == PYTHONS_OWN


@pytest.mark.parametrize("young", [0, 10**6])
def test_a_setting_of_the_users_stands(young):
    """Zero is none."""
    gc.set_threshold(young, 7, 8)

    with searching_seldom():
        assert gc.get_threshold() == (young, 7, 8)
    assert gc.get_threshold() == (young, 7, 8)
