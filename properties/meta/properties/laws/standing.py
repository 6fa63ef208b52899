"""What is said of a trainer's leaves by the law that they train."""

from frostproof import verify


def standing_of(trainer):
    """The verdict of that law, and its reason."""
    (row,) = verify(trainer, laws=["trainable-moves"], max_examples=4, seed=1).rows
    return row.verdict, row.reason
