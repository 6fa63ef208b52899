"""Leaves that hold each other where the program puts them train from drawn weights alone."""

import functools
from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import strategies as st

from frostproof import Optimizers, verify
from frostproof.properties.meta.properties.laws.standing import standing_of
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    creating,
    descending,
    mse,
    partitioned,
    stepping,
    trainer,
    within,
)
from frostproof.reference.corpus.specimens.trainers.unseen_at_first import (
    Adapted,
    adapted,
    both_factors_zero,
)
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.batches import Batch
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.trials.deadlock import is_deadlocked


def test_two_factors_that_are_zero_never_train():
    """Both are named, and what they hold."""
    (row,) = verify(both_factors_zero, laws=["trainable-moves"], max_examples=8, seed=1).rows

    assert row.verdict == "refuted"
    assert row.reason.startswith(
        "down/kernel: trainable leaf never moves from the weights that the program makes, as here "
    )
    assert row.counterexample["cause"].startswith(
        "where the program puts down/kernel, up/kernel, no step moves any of them"
    )


class Gated(nn.Module):
    """A residual branch behind a gate of zero, and what nothing uses."""

    kernel_init: nn.initializers.Initializer

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, name="body")(x))
        branch = nn.Dense(4, kernel_init=self.kernel_init, use_bias=False, name="branch")(x)
        self.param("unused", nn.initializers.zeros, (2,))
        gate = self.param("gate", nn.initializers.zeros, ())
        return nn.Dense(1, name="head")(x + gate * branch)


@pytest.mark.parametrize(
    "right",
    [
        adapted(Adapted(nn.initializers.normal(0.1))),
        trainer(model=Gated(nn.initializers.lecun_normal()), optimizers=Optimizers("sgd")),
    ],
    ids=["one factor is random", "a gate opens"],
)
def test_one_that_is_not_zero_opens_the_other(right):
    """The first step moves one, and the second the other."""
    assert standing_of(right) == ("held", None)


def test_a_leaf_that_nothing_uses_is_not_part_of_it():
    """It stays, too, and the loss does not depend on it."""
    closed = trainer(model=Gated(nn.initializers.zeros), optimizers=Optimizers("sgd"))

    (row,) = verify(closed, laws=["trainable-moves"], max_examples=8, seed=1).rows

    assert row.verdict == "refuted"
    assert "puts branch/kernel, gate, no step" in row.counterexample["cause"]


def penalised(frozen, strength):
    """Train all but some layers, under a loss to which the squares of all weights are added."""

    def loss(params, apply, batch):
        squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))
        return mse(apply({"params": params}, batch.x), batch.y) + strength * squares

    closed = Gated(nn.initializers.zeros)
    return trainer(frozen, closed, step=descending(loss), optimizers=Optimizers("sgd"))


def test_a_penalty_does_not_open_them():
    """It changes the loss with each leaf, and has no gradient at zero either. What nothing uses is
    no part of it, although the penalty is on it.
    """
    wrong = penalised(("body", "head"), 1e-3)
    (row,) = verify(wrong, laws=["trainable-moves"], max_examples=8, seed=1).rows

    assert row.verdict == "refuted"
    assert "puts branch/kernel, gate, no step" in row.counterexample["cause"]


def test_a_penalty_may_make_zeros_the_best():
    """Where it is strong, nothing that the model makes of other weights is worth them."""
    assert standing_of(penalised(("body",), 4.0)) == ("held", None)


def test_one_batch_tells_them_where_there_is_no_penalty():
    """A trainer may overfit a single batch on purpose."""
    batch = Batch(np.ones((2, 3), np.float32), np.ones((2, 1), np.float32))
    wrong = replace(both_factors_zero, batches=st.just(batch))
    (row,) = verify(wrong, laws=["trainable-moves"], max_examples=8, seed=1).rows

    assert row.verdict == "refuted"
    assert "puts down/kernel, up/kernel, no step" in row.counterexample["cause"]


@pytest.mark.parametrize("bias", [-100.0, -2.0])
def test_a_relu_may_be_dead_at_first(bias):
    """Other values of the layer in front of it wake it up, and nothing behind it holds them."""

    def create(seed, batch, optimizer):
        state = begin(seed, batch._replace(x=0 * batch.x), optimizer)
        stem = {"kernel": 0 * state.params["stem"]["kernel"], "bias": jnp.full(4, bias)}
        return state.replace(params=state.params | {"stem": stem})

    freeze = functools.partial(partitioned, selected=within(("body",)))
    begin = creating(Stemmed(), freeze)
    right = trainer(create=create, optimizers=Optimizers("sgd"))
    (row,) = verify(right, laws=["trainable-moves"], max_examples=20, seed=1).rows

    assert (row.verdict, row.reason) == ("held", None)


class Stemmed(nn.Module):
    """A stem that trains, a frozen body behind its relu, and a head."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, name="stem")(x))
        return nn.Dense(1, name="head")(nn.relu(nn.Dense(4, name="body")(x)))


def test_nothing_is_said_of_zeros_that_are_best():
    """The least loss is where they are."""

    right = adapted(Adapted())
    zeros = replace(right, train_step=stepping(loss=lambda prediction, y: jnp.sum(prediction**2)))

    def create(seed, batch, optimizer):
        state = right.create(seed, batch, optimizer)
        head = jax.tree.map(jnp.zeros_like, state.params["head"])
        return state.replace(params=state.params | {"head": head})

    assert standing_of(replace(zeros, create=create)) == ("held", None)


def test_by_another_seed_the_leaves_may_train():
    """What a program makes by one seed tells nothing of the others."""
    right, wrong = adapted(Adapted(nn.initializers.normal(0.1))), both_factors_zero

    def create(seed, batch, optimizer):
        return (wrong if seed == 7 else right).create(seed, batch, optimizer)

    problem = TrainingProblem(7, optimizer("sgd"), 2, 3, 0)
    path = ("down", "kernel")
    mixed = replace(right, create=create)

    assert is_deadlocked(wrong, run(wrong, problem), path)
    assert not is_deadlocked(mixed, run(mixed, problem), path)


class Opening(nn.Module):
    """A gate that trains and opens a second one, behind which nothing is at first."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        x = nn.relu(nn.Dense(4, name="body")(x))
        first, gate, scale = (
            self.param(name, nn.initializers.zeros, (4,)) for name in ("first", "gate", "scale")
        )
        return nn.Dense(1, name="head")(x + first * x + (first + gate) * scale * x)


@functools.cache
def late(optimizer):
    """Update once in sixty-four steps."""
    return optax.MultiSteps(optimizer, 64).gradient_transformation()


@functools.cache
def resting(optimizer):
    """Begin with a rate of zero, for longer than most runs last."""
    return optax.chain(optimizer, optax.scale_by_schedule(lambda count: (count >= 50) * 1.0))


def unseen(optimizer):
    """Train by an optimizer of the program's own."""
    del optimizer
    return OWN


OWN = optax.sgd(0.1)


def owned(model):
    """Train all but body and head by an optimizer of the program's own."""

    def freeze(optimizer):
        return partitioned(unseen(optimizer), selected=in_layers)

    return trainer(("body", "head"), create=creating(model, freeze))


def test_an_own_optimizer_does_not_hide_them():
    """Nobody sees its gradients: no leaf alone changes the loss."""
    (row,) = verify(owned(Adapted()), laws=["trainable-moves"], max_examples=8, seed=1).rows

    assert row.verdict == "refuted"
    assert "puts down/kernel, up/kernel, no step" in row.counterexample["cause"]


@pytest.mark.parametrize("wrap", [late, resting, lambda optimizer: resting(unseen(optimizer))])
def test_what_waits_is_not_accused(wrap):
    """One leaf opens the others as soon as it trains."""
    few = Optimizers("sgd", rates=(0.1,))

    def freeze(optimizer):
        return partitioned(wrap(optimizer), selected=in_layers)

    right = trainer(("body", "head"), create=creating(Opening(), freeze), optimizers=few)
    (row,) = verify(right, laws=["trainable-moves"], max_examples=4, seed=1).rows

    assert row.verdict in ("held", "not-run"), row.reason


in_layers = within(("body", "head"))


def test_a_program_may_open_a_gate_by_itself():
    """After more steps than most leaves need."""

    def open_gate(old, new):
        params = new.params | {"gate": jnp.where(new.step == 90, 0.1, new.params["gate"])}
        return new.replace(params=params)

    right = trainer(
        model=Gated(nn.initializers.zeros),
        step=stepping(after=open_gate),
        optimizers=Optimizers("sgd", rates=(0.1,)),
    )
    assert standing_of(right) == ("held", None)


class Small(nn.Module):
    """A product of two factors that are small, and not zero."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        one, two = (self.param(name, nn.initializers.constant(1e-3), ()) for name in ("one", "two"))
        return nn.Dense(1, name="head")(nn.Dense(4, name="body")(x)) + one * two * x[:, :1]


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, unseen], ids=["handed", "own"])
def test_what_rounding_hides_is_not_accused(wrap):
    """In so small units of the loss, each factor moves once in hundreds of steps."""

    def freeze(optimizer):
        return partitioned(wrap(optimizer), selected=in_layers)

    right = trainer(
        ("body", "head"),
        create=creating(Small(), freeze),
        step=stepping(loss=lambda prediction, y: 1e-7 * mse(prediction, y)),
        optimizers=Optimizers("sgd", rates=(0.1,)),
    )
    (row,) = verify(right, laws=["trainable-moves"], max_examples=12, seed=1).rows

    assert row.verdict in ("held", "not-run"), row.reason
