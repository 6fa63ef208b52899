"""What `removals.py` counts: a change that no test notices, and nothing else."""

from contextlib import nullcontext

import pytest

from frostproof.properties.laws.book import BOOK
from frostproof.properties.meta.measurements.removals import correct_for, notices, without
from frostproof.properties.meta.reference.corpus import test_law_book
from frostproof.reference.corpus.specimens.exercises import losses
from frostproof.reference.corpus.specimens.wrappers import masks as optax_wrappers


def fails():
    raise AssertionError


def test_only_a_failing_assertion_is_a_notice():
    """A script that is wrong itself must not count as a test that found something."""
    assert notices(fails, nullcontext())
    assert not notices(lambda: None, nullcontext())
    with pytest.raises(ZeroDivisionError):
        notices(lambda: 1 / 0, nullcontext())


def test_a_law_is_gone_while_it_is_removed():
    """And it is there again after that."""
    with without(BOOK[0]):
        assert BOOK[1:] == test_law_book.BOOK

    assert test_law_book.BOOK is BOOK


@pytest.mark.parametrize("faulty", [losses.half_the_mse, optax_wrappers.masked_alone])
def test_a_mended_specimen_is_a_reference_under_its_name(faulty):
    """With all that the specimen says of itself, so that its own test takes it for the specimen."""
    correct = correct_for(faulty)

    assert correct.specimen == faulty.specimen
    assert correct is not faulty
