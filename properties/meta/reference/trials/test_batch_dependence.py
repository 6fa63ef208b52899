"""A leaf that moves alike on any batch does not train, if the model uses it."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from frostproof import Optimizers, verify
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    creating,
    descending,
    mse,
    partitioned,
    stepping,
    trainer,
    within,
)
from frostproof.reference.corpus.specimens.trainers.linen_models import (
    gradient_stopped_under_a_pull,
)
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import OWN as UNSEEN
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.batches import Batch
from frostproof.reference.problems.training_problem import TrainingProblem
from frostproof.reference.trials.batch_dependence import ignores_batches, moved_alike
from frostproof.reference.trials.longer_run import longer

SGD = Optimizers("sgd", rates=(0.1,))
in_body = within(("body",))


class Stopped(nn.Module):
    """A wide stem in front of a frozen body, which may stop the gradient, and an unused layer."""

    stop: bool = True

    @nn.compact
    def __call__(self, x):
        """Predict one column."""
        spare = nn.Dense(4, use_bias=False, name="spare")(x)
        x = nn.relu(nn.Dense(16, use_bias=False, name="stem")(x)) + 0 * spare.sum()
        x = nn.relu(nn.Dense(4, name="body")(x))
        return nn.Dense(1, name="head")(jax.lax.stop_gradient(x) if self.stop else x)


def pulled(params, apply, batch):
    """A loss with a penalty on how far stem and spare layer are from other weights."""
    leaves = jax.tree.leaves({name: params[name] for name in ("stem", "spare")})
    pull = sum(jnp.sum((leaf - 1) ** 2) for leaf in leaves)
    return mse(apply({"params": params}, batch.x), batch.y) + 0.01 * pull


def noisy(gradients):
    """Add noise to what is differentiated, as for differential privacy; always the same."""
    keys = jax.random.split(jax.random.key(0), len(jax.tree.leaves(gradients)))
    tree = jax.tree.unflatten(jax.tree.structure(gradients), list(keys))
    return jax.tree.map(lambda g, key: g + 0.01 * jax.random.normal(key, g.shape), gradients, tree)


def normalised(old, new):
    """Keep the columns of the stem at the length of one."""
    kernel = new.params["stem"]["kernel"]
    kernel = kernel / jnp.linalg.norm(kernel, axis=0)
    return new.replace(params=new.params | {"stem": {"kernel": kernel}})


STEPS = {
    "a pull": descending(pulled),
    "noise": stepping(noisy),
    "a projection": stepping(after=normalised),
}
#: The program's own: nobody sees its gradients.
OWN = optax.chain(optax.add_decayed_weights(1e-3), optax.adam(1e-3))


def owning(optimizer):
    """Train by an optimizer of the program's own."""
    del optimizer
    return partitioned(OWN, in_body)


def judged(subject):
    """The one verdict on a subject."""
    (row,) = verify(subject, laws=["trainable-moves"], max_examples=8, seed=1).rows
    return row


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_what_moves_a_leaf_without_its_loss_does_not_train_it(step):
    """The unused layer is moved by the same, and is not accused."""
    row = judged(trainer(model=Stopped(), step=step, optimizers=SGD))

    assert row.verdict == "refuted"
    assert row.reason.startswith("stem/kernel: trainable leaf moves alike on any batch")
    assert row.counterexample["cause"].startswith("it moves alike on one batch and on another")


def test_an_optimizer_of_the_programs_own_hides_it_no_longer():
    """Its Adam makes steps of a decay, which look like those of a gradient."""
    row = judged(trainer(create=creating(Stopped(), owning)))

    assert row.verdict == "refuted"
    assert row.reason.startswith("stem/kernel: trainable leaf moves alike on any batch")


def evolving(every):
    """Return a step by evolution strategies, which hear every so many steps how good a try was."""

    def mean_error(params, state, batch):
        return mse(state.apply_fn({"params": params}, batch.x), batch.y)

    @jax.jit
    def train_step(state, batch):
        flat, back = ravel_pytree(state.params)
        tries = jax.random.normal(jax.random.fold_in(jax.random.key(0), state.step), (8, flat.size))
        errors = jax.vmap(lambda each: mean_error(back(flat + 0.1 * each), state, batch))(tries)
        scores = jnp.where((state.step + 1) % every, 1, errors - errors.mean())[:, None]
        gradients = back((scores * tries).mean(0))
        return state.apply_gradients(grads=gradients), mean_error(state.params, state, batch)

    return train_step


def test_noise_moves_a_leaf_of_few_numbers():
    """Of four numbers that are drawn in each of forty steps some are nearly as large."""
    row = judged(trainer(step=evolving(every=10**6), optimizers=SGD))

    assert row.verdict == "refuted"
    assert row.reason.startswith("head/kernel: trainable leaf moves alike on any batch")


def test_a_leaf_that_its_loss_moves_now_and_then_trains():
    """In the steps between it moves by noise, alike on any batch."""
    right = trainer(step=evolving(every=30), optimizers=SGD)
    problem = TrainingProblem(0, SLOW, 16, 3, 0)

    assert not moved_alike(right, longer(problem), shared=True)
    assert judged(right).verdict == "held"


@pytest.mark.parametrize(
    "right",
    [trainer(model=Stopped(stop=False), step=step, optimizers=SGD) for step in STEPS.values()]
    + [trainer(create=creating(Stopped(stop=False), owning))],
    ids=[*STEPS, "an own optimizer"],
)
def test_a_leaf_that_its_loss_reaches_trains(right):
    """The same with a gradient."""
    row = judged(right)

    assert (row.verdict, row.reason) == ("held", None)


def test_behind_a_norm_of_all_leaves_other_batches_tell_nothing():
    """Clipped by it, each leaf moves by the batches, and the common set is drawn behind it, too."""
    common = replace(gradient_stopped_under_a_pull, optimizers="common")

    (row,) = verify(common, laws=["trainable-moves"], max_examples=40, seed=1).rows

    assert "moves alike on any batch" in row.reason


def test_one_batch_tells_nothing():
    """Where a strategy draws no other, the path of a leaf is always the same."""
    batch = Batch(jnp.ones((2, 3)), jnp.ones((2, 1)))

    assert judged(replace(gradient_stopped_under_a_pull, batches=st.just(batch))).verdict == "held"


class Scaled(nn.Module):
    """A frozen body whose units are scaled by one number, and a frozen head."""

    @nn.compact
    def __call__(self, x):
        """Predict far too high."""
        scale = self.param("scale", nn.initializers.ones, (1,))
        return 100 + scale * nn.relu(nn.Dense(4, name="body")(x)).sum(-1, keepdims=True)


class Wide(nn.Module):
    """A frozen body, and one bias for each of many columns, none of which is in a batch."""

    @nn.compact
    def __call__(self, x):
        """Predict too high for any batch."""
        return 8 + nn.Dense(20, name="head")(nn.relu(nn.Dense(4, name="body")(x)))


def by_signs(gradients):
    """Take the signs before any optimizer sees the gradients."""
    return jax.tree.map(jnp.sign, gradients)


@pytest.mark.parametrize(
    "right",
    [
        trainer(model=Scaled(), optimizers=Optimizers("sign_sgd", rates=(0.001,))),
        trainer(model=Scaled(), step=stepping(by_signs), optimizers=SGD),
        trainer(create=creating(Scaled(), lambda _: partitioned(optax.lion(1e-3), in_body))),
        trainer(create=creating(Wide(), lambda _: partitioned(optax.lion(1e-3), in_body))),
        trainer(model=Wide(), step=stepping(by_signs), optimizers=SGD),
    ],
    ids=["the optimizer's", "in front of it", "the program's own", "own, wide", "wide"],
)
def test_a_sign_that_is_always_the_same_is_a_gradient(right):
    """One number goes the same way on all batches, or each of many does."""
    row = judged(right)

    assert (row.verdict, row.reason) == ("held", None)


class Gains(nn.Module):
    """A frozen body whose units are scaled one by one, by numbers of which each has to shrink."""

    @nn.compact
    def __call__(self, x):
        """Predict far too high."""
        gains = self.param("gains", nn.initializers.ones, (16,))
        return 100 + (gains * nn.relu(nn.Dense(16, name="body")(x))).sum(-1, keepdims=True)


class Low(nn.Module):
    """A frozen body, and a bias for each of three columns."""

    @nn.compact
    def __call__(self, x):
        """Predict too low for any batch."""
        biases = self.param("biases", nn.initializers.zeros, (3,))
        return 0.1 * nn.tanh(nn.Dense(3, name="body")(x)) + biases - 1.25


def weighted(prediction, y):
    """An absolute error that is more important in some columns than in others."""
    return (jnp.array([1, 2, 4]) * jnp.abs(prediction - nn.tanh(y))).mean()


SLOW = optimizer("sgd", learning_rate=1e-4)


def decaying_lion(_):
    """Train by an optimizer of the program's own, with the decay that is customary."""
    return partitioned(optax.lion(1e-4, weight_decay=1), in_body)


@pytest.mark.parametrize(
    ("right", "path", "by"),
    [
        (trainer(create=creating(Wide(), decaying_lion)), ("head", "kernel"), UNSEEN),
        (trainer(model=Low(), step=stepping(loss=weighted)), ("biases",), SLOW),
    ],
    ids=["signs and a decay", "an absolute error"],
)
def test_a_gradient_that_is_the_same_on_all_drawn_batches_is_a_gradient(right, path, by):
    """It is another on batches that are far off, or with another body."""
    problem = TrainingProblem(0, by, 16, 3, 0)

    assert path in moved_alike(right, longer(problem), shared=True)
    assert ignores_batches(right, run(right, problem), path) is None


def test_signs_that_are_all_alike_are_those_of_a_gradient_or_of_a_decay():
    """Nobody can tell: there is no weight that a decay would move the other way."""
    right = trainer(model=Gains(), step=stepping(by_signs))
    problem = TrainingProblem(0, SLOW, 16, 3, 0)

    assert ("gains",) not in moved_alike(right, longer(problem), shared=True)
