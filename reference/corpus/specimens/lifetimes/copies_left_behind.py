"""Faulty trainers whose copies are declared to follow what trains, and do not, or not all."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import NnxTrainer, Optimizers
from frostproof.reference.corpus.register import Needs, specimen
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    partitioned,
    stepping,
    trainer,
    within,
)
from frostproof.reference.corpus.specimens.recipes.nnx_training_recipe import TwoLayer

SGD = Optimizers("sgd")
_in_body = within(BODY)


class Followed(TrainState):
    """A state with a copy of the parameters."""

    target: Any = None


def following(rate, follow, start=lambda params: params, optimizers=SGD):
    """Return a trainer whose target is declared to follow at a rate, and follows otherwise."""
    create = creating(
        Layers(), lambda optimizer: partitioned(optimizer, _in_body), Followed, target=start
    )
    step = stepping(after=lambda old, new: new.replace(target=follow(new.params, old.target)))
    copies = {"target": ("params", rate)}
    return trainer(create=create, step=step, optimizers=optimizers, copies=copies)


#: A copy may follow what was there before the step: in the first step, that is where it is.
LATER = Needs("a second step, by which it has to have moved", steps=2)


@specimen(
    law="copies-follow",
    seen="DQN scripts that make a target network and never update it",
    needs=LATER,
)
def target_never_updated():
    """The target network keeps the weights that it was made with."""
    return following(1.0, lambda params, target: target)


@specimen(law="copies-follow", seen="`incremental_update`, whose first argument is the new tree")
def average_the_wrong_way_round():
    """The average goes 99 hundredths of the way, instead of one."""
    return following(0.01, lambda params, target: optax.incremental_update(target, params, 0.01))


@specimen(
    law="copies-follow",
    seen="averages of models in bfloat16, kept in their dtype",
    needs=Needs("more steps than rounding may explain", steps=64),
)
def average_that_rounds_back():
    """The average in bfloat16 goes a thousandth of the way, which rounds to no way at all."""

    def halved(tree):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)

    def follow(params, target):
        return jax.tree.map(lambda a, p: a + 0.002 * (p - a), target, halved(params))

    return following(0.002, follow, halved, Optimizers("sgd", rates=(0.1,)))


class Net(nnx.Module):
    """A layer with statistics, and the output."""

    def __init__(self, inputs, seed):
        """Make both from one seed."""
        self.norm = nnx.BatchNorm(inputs, rngs=nnx.Rngs(seed))
        self.layers = TwoLayer(inputs, rngs=nnx.Rngs(seed))

    def __call__(self, x):
        """Predict one column."""
        return self.layers(self.norm(x))


class Distilled(nnx.Module):
    """A student and its teacher."""

    def __init__(self, inputs, seed):
        """Begin with the same weights."""
        self.student, self.teacher = Net(inputs, seed), Net(inputs, seed)


@specimen(
    law="copies-follow",
    seen="mean teachers that average `nnx.Param`, and leave out `BatchStat`",
    needs=LATER,
)
def statistics_of_the_teacher_stay():
    """The weights of the teacher follow the student's, and its statistics do not."""
    trained = nnx.All(nnx.Param, nnx.PathContains("student"))

    def create(seed, batch, optimizer):
        model = Distilled(batch.x.shape[1], seed)
        return model, nnx.Optimizer(model, optimizer, wrt=trained)

    @nnx.jit
    def step(model, optimizer, batch):
        def loss(model):
            return jnp.mean((model.student(batch.x) - batch.y) ** 2)

        value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, trained))(model)
        optimizer.update(model, grads)
        nnx.update(model.teacher, nnx.state(model.student, nnx.Param))
        return value

    return NnxTrainer(create, step, frozen=(), copies={"teacher": "student"}, optimizers=SGD)
