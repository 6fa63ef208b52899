"""A leaf trains in the very step that lets it, unless its rate grows from zero."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import struct

from frostproof import Optimizers, verify
from frostproof.properties.engine.causes.stillness import reason_of_late_thaw
from frostproof.properties.meta.properties.laws.standing import standing_of
from frostproof.reference.corpus.specimens.lifetimes.phased import (
    phased,
    thawed_a_step_late,
    thawing_after,
)
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    mse,
    stepping,
    trainer,
    where,
    within,
)
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.trials.late_thaw import is_thawed_late

_in_body = within(BODY)


def after_one_step(step):
    """The body is frozen in the first step."""
    return BODY if step <= 1 else ()


def test_a_leaf_that_thaws_a_step_late_is_told():
    """With the step, and all that do."""
    (row,) = verify(thawed_a_step_late, laws=["trainable-moves"], max_examples=8, seed=1).rows

    assert row.verdict == "refuted"
    assert ": trainable leaf stays in step 2, from which on `frozen` lets it train" in row.reason
    assert row.counterexample["cause"].endswith("for step 2, too; both thawed leaves stay")


def test_the_first_of_two_thaws_may_be_late():
    """The second one is in time."""

    def put_back(old, new):
        frozen = (old.step < 2) | (old.step == 3)  # where `frozen=` names steps 1 and 4 alone
        return new.replace(
            params=where(_in_body, lambda n, o: jnp.where(frozen, o, n), new.params, old.params)
        )

    twice = phased(lambda step: BODY if step in (1, 4) else (), stepping(after=put_back))
    (row,) = verify(twice, laws=["trainable-moves"], max_examples=30, seed=1).rows

    assert row.verdict == "refuted"
    assert ": trainable leaf stays in step 2, from which on `frozen` lets it train" in row.reason


def growing(old, new):
    """Let the body move by a rate that grows from zero since the second step."""
    share = jnp.clip((old.step - 1) / 8, 0, 1)
    return new.replace(
        params=where(_in_body, lambda n, o: o + share * (n - o), new.params, old.params)
    )


@functools.cache
def growing_in_front(optimizer):
    """Let the gradients of the body grow from zero since the second step."""
    rate = optax.scale_by_schedule(lambda count: jnp.clip((count - 1) / 8, 0, 1))
    rates = {"body": rate, "head": optax.identity()}
    return optax.chain(optax.multi_transform(rates, {"body": "body", "head": "head"}), optimizer)


@pytest.mark.parametrize(
    "right",
    [
        phased(after_one_step, thawing_after(1)),
        phased(after_one_step, stepping(after=growing)),
        trainer(
            after_one_step,
            create=creating(Layers(), growing_in_front),
            step=thawing_after(1),
            optimizers=Optimizers("sgd"),
        ),
    ],
    ids=["in time", "a rate that grows from zero", "one in front of the optimizer"],
)
def test_a_leaf_that_thaws_in_time_is_not_accused(right):
    """Nor one that moves by nothing in the first step that it takes part in."""
    assert standing_of(right) == ("held", None)


def test_a_leaf_behind_zeros_follows_a_step_later():
    """The head begins with zeros that nobody can draw anew, and hides the body from the loss."""

    def create(seed, batch, optimizer):
        state = begin(seed, batch, optimizer)
        head = jax.tree.map(jnp.zeros_like, state.params["head"])
        return state.replace(params=state.params | {"head": head})

    def all_after_one_step(step):
        return ("body", "head") if step <= 1 else ()

    begin = creating(Layers())

    def put_back(old, new):
        return new.replace(
            params=jax.tree.map(lambda n, o: jnp.where(old.step < 1, o, n), new.params, old.params)
        )

    right = trainer(
        all_after_one_step,
        create=create,
        step=stepping(after=put_back),
        optimizers=Optimizers("sgd"),
        params=lambda state: state.params,
    )
    assert standing_of(right) == ("held", None)


def halved(state, batch):
    """Move by half of the update in the second step."""
    new, loss = in_time(state, batch)
    if state.step == 1:
        half = where(_in_body, lambda n, o: (n + o) / 2, new.params, state.params)
        new = new.replace(params=half)
    return new, loss


def stopped(state, batch):
    """Throw the second update away, and get no gradient in the third step."""
    return late(state, batch._replace(x=0 * batch.x) if state.step == 2 else batch)


in_time, late = thawing_after(1), thawing_after(2)


@pytest.mark.parametrize(
    ("step", "told"),
    [(late, True), (thawing_after(4), True), (halved, False), (stopped, False)],
    ids=["a step late", "three steps late", "halved", "stopped"],
)
def test_only_what_stays_and_then_moves_is_late(step, told):
    """By the whole update."""
    subject = phased(after_one_step, step)
    sgd = optimizer("sgd", learning_rate=0.1)
    trajectory = run(subject, TrainingProblem(0, sgd, 2, 3, 0, actions=("step", "step")))

    assert is_thawed_late(subject, trajectory, ("body", "kernel"), 2) == told


@struct.dataclass
class Both:
    """An optimizer's state of the head alone, and one of all."""

    params: Any
    states: dict
    step: int
    tx: Any = struct.field(pytree_node=False)


def with_two_optimizers(trains_all):
    """Train all by one optimizer in the steps that this tells, and the head by another else."""
    layers = Layers()

    def create(seed, batch, tx):
        params = layers.init(jax.random.key(seed), batch.x)["params"]
        states = {True: tx.init(params), False: tx.init({"head": params["head"]})}
        return Both(params, states, 0, tx)

    def loss(trained, params, batch):
        return mse(layers.apply({"params": params | trained}, batch.x), batch.y)

    def step(state, batch):
        chosen = trains_all(state.step + 1)
        trained = state.params if chosen else {"head": state.params["head"]}
        value, grads = jax.value_and_grad(loss)(trained, state.params, batch)
        updates, new = state.tx.update(grads, state.states[chosen], trained)
        params = state.params | optax.apply_updates(trained, updates)
        states = state.states | {chosen: new}
        return state.replace(params=params, states=states, step=state.step + 1), value

    return trainer(after_one_step, create=create, step=step, opt_state=lambda state: state.states)


def made_anew(last):
    """Train the head up to this step, at whose end the optimizer is made anew, for all."""
    begun = with_two_optimizers(lambda step: step > last)

    def step(state, batch):
        new, loss = begun.train_step(state, batch)
        if state.step + 1 == last:
            new = new.replace(states=new.states | {True: state.tx.init(new.params)})
        return new, loss

    return trainer(
        after_one_step,
        create=begun.create,
        step=step,
        opt_state=lambda state: state.states[state.step >= last],
    )


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (with_two_optimizers(lambda step: step > 1), False),
        (with_two_optimizers(lambda step: step > 2), True),
        (with_two_optimizers(lambda step: step % 2 == 1), False),
        (made_anew(1), False),
        (made_anew(2), True),
    ],
    ids=["in time", "a step late", "in each second step", "made anew", "made anew a step late"],
)
def test_what_is_left_out_of_the_optimizer_may_be_late(subject, told):
    """It is not where it is left out again."""
    sgd = optimizer("sgd", learning_rate=0.1)
    trajectory = run(subject, TrainingProblem(0, sgd, 2, 3, 0, actions=("step", "step")))

    assert is_thawed_late(subject, trajectory, ("body", "kernel"), 2) == told
    if told:
        text = reason_of_late_thaw(trajectory, 2).text
        assert text.startswith("it is left out of the optimizer for longer than `frozen` says")
