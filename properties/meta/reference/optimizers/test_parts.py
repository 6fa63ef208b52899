"""Parameters that are parts of an array which the optimizer is given are found by their numbers."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.reference.corpus.accepted.trainers.parts_of_arrays import (
    OLD,
    last_layer_trains,
    new_words_train,
    pruned_weights_stay_zero,
    table_trainer,
)
from frostproof.reference.corpus.specimens.trainers.wrong_parts import new_words_are_put_back
from frostproof.reference.optimizers.declared import Optimizers
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.optimizers.parts import with_parts
from frostproof.reference.optimizers.recorded import Recorded
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.pytrees.snapshot import snapshot
from frostproof.reference.trials.other_weights import first_loss, scatter

WHOLE, NAME = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4), ("whole",)
TWICE = WHOLE.copy()
TWICE[1] = TWICE[0]


def found_in(whole, part):
    """What is known of a part where an optimizer is given a whole, whose gradient is negative."""
    given = Recorded({NAME: -whole}, {NAME: whole}, {NAME: 2 * whole}, {}, 1)
    return with_parts(given, snapshot({"part": part}))


@pytest.mark.parametrize(
    "part",
    [WHOLE[1:], WHOLE[:, :2], WHOLE[:, :, 1:3], WHOLE[:, [2, 0]], WHOLE[WHOLE % 5 == 0], WHOLE[1]],
    ids=["rows", "in the middle", "columns", "chosen", "elements", "one row"],
)
def test_a_part_has_its_share_of_what_the_whole_has(part):
    """Its gradient, its update and its numbers, in its own shape."""
    found = found_in(WHOLE, part)

    assert found.parts == {("part",)}
    assert (found.params["part",] == part).all()
    assert (found.gradients["part",] == -part).all()
    assert (found.updates["part",] == 2 * part).all()


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        (WHOLE, WHOLE + 1),
        (WHOLE, WHOLE),
        (WHOLE, WHOLE[:0]),
        (WHOLE, WHOLE[1:].astype(np.float16)),
        (TWICE, WHOLE[:1]),
        (np.zeros((4, 2), np.float32), np.zeros((2, 2), np.float32)),
        (WHOLE, np.zeros(2, np.float32)),
        (WHOLE, np.zeros(1, np.float32)),
    ],
    ids=[
        *("other numbers", "all of it", "nothing", "another dtype", "twice there", "zeros"),
        *("one number twice", "a single number"),
    ],
)
def test_what_is_no_part_or_might_be_two_has_no_place(whole, part):
    """By its numbers alone nobody can tell."""
    assert not found_in(whole, part).parts


@pytest.mark.parametrize("axis", range(3))
def test_of_a_slice_that_is_shown_alone_numbers_may_repeat(axis):
    """As in a large table, in which many a number is there twice: the slice is not."""
    whole = WHOLE % 5
    part = np.take(whole, 1, axis)

    found = found_in(whole, part)

    assert (found.gradients["part",] == -part).all()


def test_a_part_of_two_arrays_is_a_part_of_neither():
    """Such as rows of a table of which the optimizer is given a copy, too."""
    arrays = {NAME: WHOLE, ("copy",): np.concatenate([WHOLE, WHOLE + 100])}

    found = with_parts(Recorded(arrays, arrays, arrays, {}, 1), snapshot({"part": WHOLE[1:]}))

    assert not found.parts
    assert ("part",) not in found.gradients


def cause(law, subject):
    effort = Effort(10, 0, shrinking=0)
    return judge(BY_ID[law], subject, effort, CallCache(), "own").counterexample.cause


def test_why_a_part_moves_or_stays_is_what_the_whole_gets():
    """It was said of each that the optimizer never gets it."""

    def trained(state, grads):
        return state.apply_gradients(grads=grads)

    missed = "the optimizer gets the gradient of the leaf: the freeze misses the leaf"
    assert cause("frozen-value", table_trainer(trained)) == missed
    kept = "the optimizer gets its gradient: what it makes of it is not applied, or is undone; "
    assert cause("trainable-moves", new_words_are_put_back).startswith(kept)


@pytest.mark.parametrize("law", ["frozen-value", "trainable-moves"])
def test_of_parts_without_a_place_it_is_said_what_the_optimizer_gets(law):
    """All words are alike at the start, so that their numbers do not tell which are which."""

    def put_back(state, grads):
        new = state.apply_gradients(grads=grads)
        return new.replace(params=new.params | {"table": state.params["table"]})

    def trained(state, grads):
        return state.apply_gradients(grads=grads)

    trainer = table_trainer(trained if law == "frozen-value" else put_back)

    def create(seed, batch, optimizer):
        state = trainer.create(seed, batch, optimizer)
        return state.replace(params=state.params | {"table": jnp.ones((6, 3))})

    alike = replace(trainer, create=create, optimizers=Optimizers("sgd"))
    assert cause(law, alike).startswith(
        "the optimizer gets no leaf of this name, but table: the leaf may be a part of that"
    )


@pytest.mark.parametrize("subject", [new_words_train, pruned_weights_stay_zero])
def test_whose_the_state_of_a_whole_is_nobody_can_tell(subject):
    """The moments of what stays move with the others: state was kept, it was said."""
    moments = replace(subject, optimizers=Optimizers("adam"))

    verdict = judge(BY_ID["frozen-optimizer-state"], moments, Effort(4, 0), CallCache(), "own")

    assert verdict.outcome == "not-run"
    assert "of an array with one in it: nobody can tell whose it is" in verdict.reason


def test_state_of_an_array_that_is_shown_in_another_shape_may_be_that_of_a_frozen_leaf():
    """Its moments move, and it was said that the state of frozen leaves is kept."""

    def put_back(state, grads):
        new = state.apply_gradients(grads=grads)
        return new.replace(params=new.params | {"table": state.params["table"]})

    def flat(state):
        return {"old": state.params["table"].reshape(-1), "head": state.params["head"]}

    trainer = replace(table_trainer(put_back), params=flat, with_params=None)
    adam = replace(trainer, optimizers=Optimizers("adam"))

    verdict = judge(BY_ID["frozen-optimizer-state"], adam, Effort(2, 0), CallCache(), "own")

    assert verdict.outcome == "not-run"


def test_beside_arrays_that_are_not_shown_nothing_is_replayed_alone():
    """A clip by the norm of all has them in it: the head was said not to train as if alone."""

    def shown(state):
        return {"old": state.params["table"][:OLD], "head": state.params["head"]}

    trainer = replace(new_words_train, params=shown, with_params=None)
    sgd = replace(trainer, optimizers=Optimizers("sgd"))

    verdict = judge(BY_ID["trains-as-if-alone"], sgd, Effort(2, 0), CallCache(), "own")

    assert (verdict.outcome, verdict.reason) == (
        "not-run",
        "the optimizer gets arrays that are not parameters here",
    )


def test_a_part_is_not_replayed_by_itself():
    """What the optimizer makes of a whole may depend on all of it, as of its norm."""
    verdict = judge(BY_ID["trains-as-if-alone"], new_words_train, Effort(4, 0), CallCache(), "own")

    assert (verdict.outcome, verdict.reason) == (
        "not-run",
        "the optimizer gets leaves as parts of a larger array",
    )


SHOWN = {
    "linen": replace(new_words_train, with_params=None),
    "nnx": replace(last_layer_trains, with_params=None),
}


@pytest.mark.parametrize("name", SHOWN)
def test_parts_are_put_in_place_by_nobody_but_the_program(name):
    """They were put beside the array, and a prediction, or the next step, found no parameters."""
    training = SHOWN[name].begin(0, SimpleNamespace(x=np.ones((4, 3))), optax.sgd(0.1))
    before = snapshot(training.everything())

    with pytest.raises(TypeError, match="by `with_params=` alone"):
        training.set_params(training.params())
    assert snapshot(training.everything()).keys() == before.keys()


def test_of_parts_that_cannot_be_put_in_place_no_other_loss_is_known():
    """Other weights were put beside the stack, and the loss stayed as it was: that no weight of the
    last layer mattered, and that it need not train.
    """
    problem = TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0)

    assert first_loss(SHOWN["nnx"], problem, frozenset({("last",)}), scatter) is None
