"""What belongs to frozen leaves stays, in the optimizer's state."""

import pytest

from frostproof.properties.laws.law import Refutation
from frostproof.properties.laws.surrounding_state import optimizer_state_of_frozen_leaves_stays_zero
from frostproof.reference.corpus.accepted.lifetimes.in_phases import optimizer_made_anew
from frostproof.reference.corpus.specimens.lifetimes.phased import momentum_that_fades_while_frozen
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem

MOMENTUM = optimizer("momentum", learning_rate=0.1)
PROBLEM = TrainingProblem(0, MOMENTUM, 2, 3, 0, actions=("step",) * 4)


def test_state_may_be_made_anew_as_a_leaf_is_frozen():
    """Then it is as from a fresh start, and stays so."""
    optimizer_state_of_frozen_leaves_stays_zero.check(run(optimizer_made_anew, PROBLEM))


def test_state_may_not_fade():
    """It is neither as before nor as at the start."""
    trajectory = run(momentum_that_fades_while_frozen, PROBLEM)
    with pytest.raises(Refutation, match="as before"):
        optimizer_state_of_frozen_leaves_stays_zero.check(trajectory)
