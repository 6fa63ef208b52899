"""Whether a leaf that did not train should have trained."""

import itertools
from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, OptaxFreeze, Optimizers, verify
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    keys,
    partitioned,
    stepping,
    trainer,
    where,
    within,
)
from frostproof.reference.corpus.specimens.trainers.unseen_at_first import Adapted
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.problems.wrapper_problem import TreeProblem
from frostproof.reference.trials import relevance
from frostproof.reference.trials.other_weights import first_loss

HEAD = ("head", "kernel")
THREE_STEPS = TrainingProblem(
    0, optimizer("sgd", learning_rate=0.1), 2, 3, 0, actions=("step",) * 3
)


def put_back(old, new):
    """Give the kernel of the head the weights that the program knows."""
    params = where(lambda path: keys(path) == HEAD, known_weights, new.params)
    return new.replace(params=params)


def known_weights(leaf):
    return jnp.full_like(leaf, 0.5)


def putting_back():
    """A trainer that gives the kernel of the head the same weights after each step."""
    begin = creating(Layers())

    def create(seed, batch, optimizer):
        state = begin(seed, batch, optimizer)
        return put_back(state, state)

    return trainer((), create=create, step=stepping(after=put_back))


def test_a_leaf_that_is_put_back_does_not_train():
    """Weights of another size are put back, too: that moves them once."""
    faulty = putting_back()

    assert relevance.matters(faulty, run(faulty, THREE_STEPS), HEAD)


def test_a_leaf_that_moves_in_the_program_as_it_is_trains(monkeypatch):
    """By a program that trainings share it may stay."""
    faulty, moving = putting_back(), trainer((), step=stepping())

    def again(_, problem, *, shared):
        return replace(run(faulty, problem), shared=True) if shared else run(moving, problem)

    monkeypatch.setattr(relevance, "run_again", again)

    assert relevance.matters(faulty, run(faulty, THREE_STEPS), HEAD) is None


@pytest.mark.parametrize(("calls", "should"), [(6, None), (1000, True)])
def test_a_wrapper_may_wait_longer_than_its_runs(calls, should):
    """All of them may end before its first update; it was said that nothing trains."""

    def freeze(optimizer, mask):
        def hand_on(updates, count, params=None):
            due = (count + 1) % calls == 0
            return jax.tree.map(lambda update: due * update, updates), count + 1

        waiting = optax.GradientTransformation(lambda params: jnp.zeros((), int), hand_on)
        return optax.chain(optimizer, waiting, optax.masked(optax.set_to_zero(), mask))

    waiting = OptaxFreeze(freeze)
    problem = TreeProblem("two leaves", ("backbone",), optimizer("sgd", learning_rate=1.0), 1, 0)

    assert relevance.matters(waiting, run(waiting, problem), ("head",)) is should


class Prompted(Layers):
    """Frozen layers, and a prompt that a mask hides from them."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        prompt = self.param("prompt", nn.initializers.normal(), x.shape[1:])
        return Layers.__call__(self, x + 0 * prompt)


def test_where_nothing_that_is_left_trains_the_law_is_not_shown():
    """The loss depends on nothing that trains: each leaf alone may stay, but not all of them."""
    hidden = trainer(("body", "head"), Prompted(), optimizers=Optimizers("sgd"))

    (row,) = verify(hidden, laws=["trainable-moves"], max_examples=4, seed=1).rows

    assert row.verdict == "not-run"
    assert row.reason.startswith("no leaf that is left to train moved in any of 4 ")


def test_what_accuses_is_the_program_as_it_is(monkeypatch):
    """By a program that trainings share, most leaves are seen not to matter; it shows no fault."""
    spare = trainer(("body", "head"), Prompted(), optimizers=Optimizers("sgd"))
    trajectory = run(spare, TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0))
    numbers = itertools.count()

    def unlike(*given, shared, **named):
        return next(numbers) ** 2.0 if shared else first_loss(*given, **named)

    monkeypatch.setattr(relevance, "first_loss", unlike)

    assert relevance.matters(spare, trajectory, ("prompt",)) is False
    assert next(numbers) > 0


def test_a_leaf_whose_loss_is_flat_nearby_has_no_gradient():
    """A hinge loss of a critic moves its bias only beyond the margins."""

    def hinge(prediction, y):
        return (nn.relu(1 - prediction) + nn.relu(1 + prediction)).mean()

    critic = trainer(
        model=Shifted(), create=creating(Shifted()), step=stepping(loss=hinge), frozen=("body",)
    )
    trajectory = run(critic, TrainingProblem(0, optimizer("sgd", learning_rate=1e-4), 2, 3, 0))

    assert relevance.matters(critic, trajectory, ("bias",)) is False


class Routed(nn.Module):
    """Frozen experts, of which a router chooses one for each row, and weighs none."""

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        chosen = nn.Dense(3, use_bias=False, name="router")(x).argmax(-1)
        return (nn.Dense(3, name="body")(x) * nn.one_hot(chosen, 3)).sum(-1, keepdims=True)


def test_what_only_an_argmax_takes_should_train():
    """No values of it have a gradient: a hinge has one beyond its margins."""
    hard = trainer(model=Routed(), create=creating(Routed()), frozen=("body",))
    trajectory = run(hard, TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 6, 3, 0))

    assert relevance.matters(hard, trajectory, ("router", "kernel")) is True


def test_what_a_zero_hides_at_first_is_asked_about_once_that_has_trained():
    """As the first factor of an adapter, frozen by mistake: the second starts from zero."""
    model = Adapted(nn.initializers.lecun_normal())
    frozen = within(("body", "head", "down"))
    begin = creating(model, lambda optimizer: partitioned(optimizer, frozen))
    halved = trainer(("body", "head"), model, create=begin)
    trajectory = run(halved, TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0))

    assert relevance.matters(halved, trajectory, ("down", "kernel")) is True


@pytest.mark.parametrize(("label", "should"), [("train", False), ("freeze", True)])
def test_what_only_some_steps_take_is_asked_about_in_these(label, should):
    """A branch is skipped in three of four steps: what trains there moves in the fourth."""
    labels = {"base": "freeze", "branch": label, "head": "train"}

    def create(seed, batch, optimizer):
        drawn = jax.random.normal(jax.random.key(seed), (3, batch.x.shape[1], 1))
        tx = optax.partition({"train": optimizer, "freeze": optax.set_to_zero()}, labels)
        params = dict(zip(labels, drawn, strict=True))
        return TrainState.create(apply_fn=None, params=params, tx=tx)

    @jax.jit
    def step(state, batch):
        def loss(params):
            base, branch, head = (batch.x @ params[name] for name in labels)
            taken = jnp.where(state.step % 4 == 3, branch, 0)
            return jnp.mean((base * head + taken - batch.y) ** 2)

        value, gradients = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=gradients), value

    skipping = LinenTrainer(create, step, frozen=("base",))
    trajectory = run(skipping, TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0))

    assert bool(relevance.matters(skipping, trajectory, ("branch",))) is should


class Shifted(nn.Module):
    """A frozen layer, and a bias of many columns."""

    @nn.compact
    def __call__(self, x):
        """Predict about zero."""
        bias = self.param("bias", nn.initializers.zeros, (8,))
        return 0.1 * nn.tanh(nn.Dense(8, name="body")(x)) + bias
