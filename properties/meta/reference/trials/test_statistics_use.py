"""Statistics of the batch excuse a loss that no prediction tells, and no others do."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.training.train_state import TrainState

from frostproof import Optimizers
from frostproof.properties.meta.properties.laws.standing import LOSSES, Keyed, judged
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    predict,
    stepping,
    trainer,
    within,
)


class Centred(Keyed):
    """A state with a running mean of the inputs, by its own name."""

    center: Any = None


def test_statistics_beside_a_key_may_have_any_name():
    """Training subtracts the mean of the batch, and evaluation that of all batches so far."""

    @functools.cache
    def freeze(optimizer):
        return partitioned(optimizer, within(("body",)))

    fields = {"key": lambda params: jax.random.PRNGKey(3), "center": lambda params: jnp.zeros(())}
    taught = stepping()

    @jax.jit
    def step(state, batch):
        mean = batch.x.mean()
        new, loss = taught(state, batch._replace(x=batch.x - mean))
        return new.replace(center=0.9 * state.center + 0.1 * mean), loss

    centred = trainer(
        create=creating(Layers(), freeze, Centred, **fields),
        step=step,
        predict=lambda state, x: predict(state, x - state.center),
        loss="mse",
        optimizers=Optimizers("sgd"),
    )

    ((verdict, reason),) = judged(centred, LOSSES[:1])
    assert verdict == "not-run"
    assert reason.startswith("batch statistics change the loss in training")


class Normed(nn.Module):
    """A frozen layer, and a norm that may use the statistics of the batch, and throws them away."""

    by_batch: bool

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(4, name="body")(x)
        norm = nn.BatchNorm(use_running_average=not self.by_batch, name="norm")
        return nn.Dense(1, name="head")(nn.relu(norm(x)))


class WithStatistics(TrainState):
    """A state whose statistics nothing changes."""

    batch_stats: Any = None


def normed(*, by_batch, report=lambda loss: loss):
    """A trainer of it, which declares the loss of the prediction in evaluation mode."""
    model, evaluated = Normed(by_batch), Normed(by_batch=False)

    @functools.cache
    def freeze(optimizer):
        return partitioned(optimizer, within(("body",)))

    def create(seed, batch, optimizer):
        variables = model.init(jax.random.key(seed), batch.x)
        return WithStatistics.create(apply_fn=None, tx=freeze(optimizer), **variables)

    @jax.jit
    def step(state, batch):
        def of(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            answer, _ = model.apply(variables, batch.x, mutable=["batch_stats"])
            return jnp.mean((answer - batch.y) ** 2)

        loss, grads = jax.value_and_grad(of)(state.params)
        return state.apply_gradients(grads=grads), report(loss)

    @jax.jit
    def predict(state, x):
        return evaluated.apply({"params": state.params, "batch_stats": state.batch_stats}, x)

    declared = {"predict": predict, "loss": "mse", "model_state": lambda s: s.batch_stats}
    return trainer(create=create, step=step, optimizers=Optimizers("sgd"), **declared)


def test_statistics_that_stay_excuse_no_wrong_loss():
    """Those of the batch do, and are seen by those that the norm does not use."""
    assert judged(normed(by_batch=False), LOSSES[:1]) == {("held", None)}
    wrong = normed(by_batch=False, report=lambda loss: 0.5 * loss)
    assert {verdict for verdict, _ in judged(wrong, LOSSES[:1])} == {"refuted"}
    ((verdict, reason),) = judged(normed(by_batch=True), LOSSES[:1])
    assert verdict == "not-run"
    assert reason.startswith("batch statistics change the loss in training")
