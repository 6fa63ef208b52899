"""What is said of a trainable leaf that never moves."""

from dataclasses import replace

import jax
import jax.numpy as jnp

from frostproof import verify
from frostproof.reference.corpus.specimens.trainers.hidden_names import left_out_of_what_trains


def standing_of(trainer):
    """The verdict of the one law, and its reason."""
    (row,) = verify(trainer, laws=["trainable-moves"], max_examples=4, seed=1).rows
    return row.verdict, row.reason


def test_the_leaf_is_found_in_the_state_where_only_the_program_can_set_it():
    """Without `with_params=` other values are put where the array of the leaf is."""
    verdict, reason = standing_of(left_out_of_what_trains)

    assert verdict == "refuted"
    assert reason.startswith("head/kernel: trainable leaf never moved")


def test_a_leaf_of_which_nothing_tells_is_not_called_trained():
    """Copies are not found in the state: whether the loss depends on the leaf stays unknown."""
    faulty = left_out_of_what_trains

    def copies(state):
        return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), faulty.params(state))

    verdict, reason = standing_of(replace(faulty, params=copies))

    assert verdict == "not-run"
    assert reason.startswith("head/kernel never moved, and nothing tells whether it should")
    assert "give `with_params=`" in reason
