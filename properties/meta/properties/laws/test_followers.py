"""Statistics of layers that train move, and stay where training uses them as they are."""

from dataclasses import replace

import pytest

from frostproof import verify
from frostproof.reference.corpus.accepted.trainers.named_statistics import (
    statistics_used_as_they_are,
)
from frostproof.reference.corpus.specimens.trainers.statistics import thawing_norm


def test_without_a_loss_no_statistic_is_called_left_behind():
    """The program uses it as it is, which a number in the place of its loss does not show."""
    correct = statistics_used_as_they_are

    def step(state, batch):
        return correct.train_step(state, batch)[0], 0.0

    trainer = replace(correct, train_step=step, loss=None, predict=None)
    (row,) = verify(trainer, laws=["trainable-statistics-move"], max_examples=4, seed=1).rows

    assert row.verdict == "held"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(lambda old, new: new, "held"), (lambda old, new: old, "refuted")],
    ids=["kept", "put back"],
)
def test_statistics_of_a_layer_that_thaws_move(after, verdict):
    """That the layer runs in training mode, which moves them while it is frozen, is no reason."""
    laws, trainer = ["trainable-statistics-move"], thawing_norm(after)
    (row,) = verify(trainer, laws=laws, max_examples=2, seed=1).rows

    assert row.verdict == verdict
    assert (row.counterexample or {}).get("cause") is None
