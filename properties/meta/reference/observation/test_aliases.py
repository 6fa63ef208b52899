"""By which names an optimizer knows the parameters that it is given."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import struct

from frostproof import LinenTrainer
from frostproof.reference.observation.run import run
from frostproof.reference.observation.trajectory import Step
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.optimizers.recorded import Recorded
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.snapshot import snapshot
from frostproof.reference.subjects.moment import Moment

BASE, ADAPTER, HEAD = np.float32([1, 2]), np.float32([3, 4]), np.float32([[5]])
ZEROS = np.zeros(3, np.float32)


def step(given, frozen=("w",), **params):
    """A step of these parameters, in which the optimizer is given others by name."""
    moment = Moment(snapshot(params))
    found = Step(moment, moment, frozenset((name,) for name in frozen), 1)
    arrays = {(name,): array for name, array in given.items()}
    found.recordings = [(Recorded(arrays, arrays, arrays, {}, 1, (frozenset(arrays),)), 1)]
    return found


@pytest.mark.parametrize(
    ("given", "aliases"),
    [
        ({"w": BASE}, {}),
        ({"w": ADAPTER}, {("w",): ("adapter",)}),
        ({"0": HEAD}, {("0",): ("head",)}),
        ({"0": HEAD + 1}, {("0",): ("head",)}),
        ({"0": BASE + 1}, {}),
        ({"0": ADAPTER, "1": ZEROS}, {("0",): ("adapter",), ("1",): ("bias",)}),
        ({"0": ADAPTER, "1": ZEROS, "2": BASE + 1}, {("0",): ("adapter",)}),
        ({"w": BASE, "gate": ZEROS}, {}),
        ({"w": BASE, "gate": HEAD + 1}, {}),
    ],
    ids=[
        "its own",
        "another's name",
        "a place",
        "the only one of its shape",
        "none of its bits",
        "zeros at a place",
        "zeros beside what is not shown",
        "zeros that are not shown",
        "a shape that is not shown",
    ],
)
def test_a_leaf_is_known_by_its_numbers(given, aliases):
    """Or by its shape, where it is the only one that has it, and nothing is hidden."""
    found = step(given, w=BASE, adapter=ADAPTER, head=HEAD, bias=ZEROS)

    assert found.aliases == aliases
    assert found.goes_by_other_names == (("w",) in aliases)


def test_a_flattened_head_is_not_the_frozen_bias_of_its_shape():
    """Not even where both begin with zeros: of frozen leaves more has to tell."""
    assert not step({"0": HEAD.ravel()}, w=np.zeros(1, np.float32), head=HEAD).aliases
    assert not step({"0": ZEROS}, w=ZEROS, head=ZEROS[:, None]).aliases
    assert step({"0": ZEROS, "1": BASE}, w=ZEROS, head=BASE).aliases[("0",)] == ("w",)


def test_a_part_that_begins_with_zeros_is_known_by_its_place():
    """As the second factor of an adapter does."""
    given = step({"w": ZEROS}, w=ZEROS + 1, adapter={"w": ZEROS})

    assert given.aliases == {("w",): ("adapter", "w")}
    assert not given.strangers


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ({"w": BASE, "v": ZEROS}, ()),
        ({"w": BASE.astype(np.float16), "v": ZEROS}, ()),
        ({"w": 0 * BASE, "v": ZEROS}, ()),
        ({"w": BASE + 1}, ("w",)),
        ({"w": ZEROS}, ("w",)),
        ({"w": BASE + 1, "v": ZEROS}, ("v", "w")),
        ({"head": ZEROS, "v": ZEROS}, ("head", "v")),
    ],
    ids=[
        "their own",
        "in another dtype",
        "called without parameters",
        "another's",
        "of another shape",
        "zeros beside another's",
        "zeros beside another shape",
    ],
)
def test_a_frozen_name_is_told_from_that_of_another_array(given, unknown):
    """Which may be a leaf of a part that begins anew with the names."""
    found = step(given, ("v", "w"), v=ZEROS, w=BASE, head=HEAD)

    assert found.strangers == {(name,) for name in unknown}
    assert not found.given_by_path.gradients.keys() & found.strangers - {("head",)}


def test_a_parameter_of_the_same_numbers_does_not_take_a_name_away():
    """Nor does the only one of the shape and dtype that are given."""
    assert not step({"w": BASE}, frozen=("v", "w"), v=BASE, w=BASE).aliases
    assert not step({"w": BASE + 1}, w=BASE.astype(np.float16), master=BASE).aliases


@pytest.mark.parametrize(
    ("given", "updates", "names"),
    [
        ({"0": ZEROS}, {"0": ZEROS + 1}, {"0": "1"}),
        ({"0": ZEROS + 8}, {"0": ZEROS - 2}, {"0": "1"}),
        ({"0": ZEROS}, {"0": ZEROS + 7}, {"0": None}),
        ({"1": ZEROS}, {"1": ZEROS + 1}, {"1": "1"}),
        ({"0": ZEROS, "1": ZEROS}, {"0": ZEROS + 7, "1": ZEROS + 1}, {"0": "0", "1": "1"}),
        ({"0": ZEROS + 7, "1": ZEROS + 3}, {"1": ZEROS + 3}, {"0": "0", "1": "1"}),
    ],
    ids=[
        "without parameters, further on",
        "called again, further on",
        "what becomes of it is changed",
        "without parameters, its own",
        "without parameters, all of them",
        "called again, all of them",
    ],
)
def test_a_leaf_is_known_by_what_an_update_makes_of_it(given, updates, names):
    """Where its numbers are not given, or are not those at the start of the step."""
    before, after = (Moment(snapshot([ZEROS + 3, ZEROS + end])) for end in (5, 6))
    found = Step(before, after, frozenset({("0",)}), 1)
    params, made = ({(name,): array for name, array in each.items()} for each in (given, updates))
    found.recordings = [(Recorded(params, params, made, {}, 2, (frozenset(params),)), 2)]

    assert found.names == {(name,): path and (path,) for name, path in names.items()}


def test_each_optimizer_knows_the_leaves_by_names_of_its_own():
    """Two over the same part agree; where they do not, nothing is known without their places."""
    moment = Moment(snapshot({"one": {"w": BASE}, "two": {"w": ADAPTER}}))
    for arrays, name in (((BASE, BASE), ("one", "w")), ((BASE, ADAPTER), None)):
        found = Step(moment, moment, frozenset(), 1)
        given = [{("w",): array} for array in arrays]
        found.recordings = [
            (Recorded(each, each, each, {}, 1, (frozenset(each),), place=(str(number),)), 1)
            for number, each in enumerate(given)
        ]

        assert found.names == {("w",): name}
        assert [place for place, _ in found.known] == [("0",), ("1",)]
        assert found.known[0][1] == {("w",): ("one", "w")}


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"part": {"w": HEAD}, "other": {"w": HEAD + 1}}, ("part", "w")),
        ({"part": {"w": HEAD}, "other": {"w": HEAD}}, ("w",)),
        ({"part": {"w": HEAD}, "w": HEAD}, ("w",)),
        ({"part": {"w": HEAD + 1}}, ("w",)),
    ],
    ids=["of a part", "of either of two", "its own", "of none"],
)
def test_what_a_part_is_given_goes_by_whole_names(params, name):
    """As long as one part alone has these numbers under these names."""
    found = step({"w": HEAD}, frozen=(), **params)

    assert set(found.given.gradients) == set(found.gradients) == {name}
    assert found.given.groups == ({name},)


class Owning(struct.PyTreeNode):
    """A state that calls the optimizer's own by another name."""

    params: Any
    own: Any
    tx: Any = struct.field(pytree_node=False)


def test_the_optimizer_is_seen_in_a_state_of_any_name():
    """Nobody says that `own` holds it."""

    def create(seed, batch, optimizer):
        params = {"w": jnp.full((3, 1), 0.5 + seed), "head": jnp.ones((3, 1))}
        return Owning(params, optimizer.init(params), optimizer)

    @jax.jit
    def train_step(state, batch):
        def loss(params):
            return jnp.mean((batch.x @ (params["w"] + params["head"]) - batch.y) ** 2)

        value, gradients = jax.value_and_grad(loss)(state.params)
        updates, own = state.tx.update(gradients, state.own, state.params)
        return state.replace(params=optax.apply_updates(state.params, updates), own=own), value

    hidden = LinenTrainer(create, train_step, frozen=("w",))
    (only,) = run(hidden, TrainingProblem(0, optimizer("sgd"), 2, 3, 0)).steps

    assert only.after.opt_state is None
    assert only.given.gradients.keys() == {("w",), ("head",)}
