"""What a run keeps of examples in which something did not happen."""

from frostproof.properties.engine.tally import CONFIRMED, Tally
from frostproof.properties.laws.law import Refutation
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem


def test_examples_of_each_kind_of_weights_are_looked_at_again():
    """A leaf behind a zero that the program begins with does not matter in the first ones."""
    tally = Tally()
    for weights in ("initialised", "redrawn"):
        problem = TrainingProblem(0, optimizer("sgd"), 2, 3, 0, weights=weights)
        for _ in range(CONFIRMED + 2):
            tally.note({"a leaf": Refutation("stays", assertion="")}, (problem,), [])

    kept = [failure.facts["problems"][0].weights for failure in tally.never["a leaf"]]

    assert kept == ["initialised"] * CONFIRMED + ["redrawn"] * CONFIRMED
