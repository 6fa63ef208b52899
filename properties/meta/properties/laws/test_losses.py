"""An answer without a number in the place of the loss is one fault, whichever law meets it."""

from frostproof import verify
from frostproof.reference.corpus.specimens.trainers.trainer_losses import reporting
from frostproof.reports.formats.faults import by_cause
from frostproof.reports.formats.wording import story

LAWS = ["loss-is-mse", "loss-before-step", "loss-row-order", "loss-repeated-rows"]


def test_metrics_in_the_place_of_the_loss_are_told_once():
    """With what was returned, and without what is usually wrong with a number."""
    metrics = reporting(report=lambda loss, *_: {"loss": loss, "rows": 2})

    rows = verify(metrics, laws=LAWS, max_examples=2, seed=0).rows

    assert [row.verdict for row in rows] == ["refuted"] * 4
    (group,) = by_cause(rows)
    told = dict(story(group[0]))
    assert told["because"].startswith("it returns None, metrics or several numbers in the place of")
    assert "usually" not in told
