"""By which names an optimizer knows the parameters that it is given."""

import numpy as np
import pytest

from frostproof.reference.observation.trajectory import Step
from frostproof.reference.optimizers.recorded import Recorded
from frostproof.reference.pytrees.snapshot import snapshot
from frostproof.reference.subjects.moment import Moment

BASE, ADAPTER, HEAD = np.float32([1, 2]), np.float32([3, 4]), np.float32([[5]])


def step(given, frozen=("w",), **params):
    """A step of these parameters, in which the optimizer is given others by name."""
    moment = Moment(snapshot(params))
    found = Step(moment, moment, frozenset((name,) for name in frozen), 1)
    arrays = {(name,): array for name, array in given.items()}
    found.given = Recorded(arrays, arrays, arrays, {}, 1)
    return found


@pytest.mark.parametrize(
    ("given", "aliases"),
    [
        ({"w": BASE}, {}),
        ({"w": ADAPTER}, {("w",): ("adapter",)}),
        ({"0": HEAD}, {("0",): ("head",)}),
        ({"0": HEAD + 1}, {("0",): ("head",)}),
        ({"0": BASE + 1}, {}),
    ],
    ids=["its own", "another's name", "a place", "the only one of its shape", "none of its bits"],
)
def test_a_leaf_is_known_by_its_numbers(given, aliases):
    """Or by its shape, where it is the only one that has it."""
    found = step(given, w=BASE, adapter=ADAPTER, head=HEAD)

    assert found.aliases == aliases
    assert found.goes_by_other_names == (("w",) in aliases)


def test_a_parameter_of_the_same_numbers_does_not_take_a_name_away():
    """Nor does the only one of the shape and dtype that are given."""
    assert not step({"w": BASE}, frozen=("v", "w"), v=BASE, w=BASE).aliases
    assert not step({"w": BASE + 1}, w=BASE.astype(np.float16), master=BASE).aliases
