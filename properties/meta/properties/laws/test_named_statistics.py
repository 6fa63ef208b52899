"""What `frozen` names is promised, a statistic as much as a parameter."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, Optimizers, verify
from frostproof.properties.engine.causes.finding import cause_of
from frostproof.properties.engine.counterexample import course
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Inconclusive, Refutation
from frostproof.properties.proofs.proving import prove
from frostproof.reference.corpus.accepted.trainers import named_statistics as correct
from frostproof.reference.corpus.specimens.trainers import linen_updates, nnx_models, statistics
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.training_problem import TrainingProblem

SGD = optimizer("sgd", learning_rate=0.1)
PROBLEM = TrainingProblem(0, SGD, 2, 3, 0, actions=("step",) * 3)
NAMED = ("frozen-norm", "frozen-value", "frozen-bits")


class Scaled(TrainState):
    """A state with a scaler of the inputs."""

    scaler: dict


def scaling(follow, frozen=("scaler",)):
    """A trainer whose scaler becomes after each step what `follow` makes of it."""

    def create(seed, batch, optimizer):
        params = {"w": jnp.full((batch.x.shape[1], 1), 0.3)}
        scaler = {"mean": jnp.zeros(batch.x.shape[1]), "seen": jnp.zeros((), int), "by": None}
        return Scaled.create(apply_fn=None, params=params, tx=optimizer, scaler=scaler)

    @jax.jit
    def step(state, batch):
        def loss(params):
            x = batch.x - state.scaler["mean"]
            return jnp.mean((x @ params["w"] - batch.y) ** 2)

        value, grads = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=grads).replace(scaler=follow(state.scaler)), value

    def shown(state):
        return {"scaler": state.scaler | {"by": "hand"}}

    return LinenTrainer(create, step, frozen, model_state=shown, optimizers=Optimizers("sgd"))


def counted(scaler):
    return scaler | {"seen": scaler["seen"] + 1}


def shifted(scaler):
    return scaler | {"mean": scaler["mean"] + 0.5}


def dropped(scaler):
    return {name: leaf for name, leaf in scaler.items() if name != "seen"}


def cast(scaler):
    return scaler | {"mean": scaler["mean"].astype(jnp.bfloat16)}


trained_norm = replace(linen_updates.statistics_of_a_frozen_norm, frozen=("body", "norm/mean"))


def shifting_what_it_had(state, batch):
    """Put away what a BatchNorm in training mode has computed."""
    after, loss = trained_norm.train_step(state, batch)
    return after.replace(batch_stats=jax.tree.map(lambda leaf: leaf + 1, state.batch_stats)), loss


def in_training_mode(trainer):
    """A trainer whose step begins by putting its module into training mode."""
    step = nnx.jit(trainer.train_step)

    @nnx.jit
    def begins(model, optimizer, batch):
        model.train()
        return step(model, optimizer, batch)

    return replace(trainer, train_step=begins)


class Normed(nnx.Module):
    """A head behind a BatchNorm."""

    def __init__(self, features, rngs):
        self.norm = nnx.BatchNorm(features, rngs=rngs)
        self.head = nnx.Linear(features, 1, rngs=rngs)

    def __call__(self, x, train=None):
        return self.head(self.norm(x, use_running_average=None if train is None else not train))


def predicting(predict, wrt=nnx.Param, after=lambda model: None):
    """A trainer of such a head in evaluation mode, whose step predicts by `predict`, trains what
    `wrt` selects, and ends by `after`.
    """

    def create(seed, batch, optimizer):
        model = Normed(batch.x.shape[1], nnx.Rngs(seed))
        model.eval()
        return model, nnx.Optimizer(model, optimizer, wrt=wrt)

    @nnx.jit
    def step(model, optimizer, batch):
        def loss(model):
            return jnp.mean((predict(model, batch.x) - batch.y) ** 2)

        value, grads = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, wrt))(model)
        optimizer.update(model, grads)
        after(model)
        return value

    return NnxTrainer(create, step, frozen=("norm/mean",), optimizers=Optimizers("sgd"))


def in_evaluation(model, x):
    return model(x)


def averaging(model):
    model.norm.mean[...] = model.norm.bias[...] * 0.5


def assigning(model, x):
    model.norm.use_running_average = False
    return model(x)


def adding(model, x):
    model.norm.mean[...] += 1
    return model(x, train=True)


def viewing(trainer):
    """A trainer whose step trains a view of its module."""

    @nnx.jit
    def views(model, optimizer, batch):
        return trainer.train_step(nnx.view(model, use_running_average=False), optimizer, batch)

    return replace(trainer, train_step=views)


def shifting_in_training_mode(trainer):
    """A trainer whose step moves the statistic beside its layer, too."""
    step = in_training_mode(trainer).train_step

    def shifts(model, optimizer, batch):
        loss = step(model, optimizer, batch)
        for _, module in nnx.iter_modules(model):
            if isinstance(module, nnx.BatchNorm):
                module.mean[...] += 1
        return loss

    return replace(trainer, train_step=shifts)


def judge(law, subject):
    BY_ID[law].check(run(subject, PROBLEM))


@pytest.mark.parametrize("law", NAMED)
@pytest.mark.parametrize(
    ("follow", "said"),
    [
        (shifted, "scaler/mean: frozen statistic changed at step 1: .*0 → 0.5, 3 of 3 elements"),
        (counted, "scaler/seen: frozen statistic changed at step 1: .*0 → 1,"),
        (dropped, "scaler/seen: frozen statistic changed at step 1: vanished"),
        (cast, "scaler/mean: frozen statistic changed at step 1: dtype float32 → bfloat16"),
    ],
)
def test_what_is_named_keeps_its_value(follow, said, law):
    """Each change refutes the laws of what is frozen, and names the statistic."""
    with pytest.raises(Refutation, match=said):
        judge(law, scaling(follow))


@pytest.mark.parametrize("law", NAMED)
def test_what_stays_or_is_not_named_refutes_nothing(law):
    """A counter beside the mean that is named may count, and a text is not a statistic."""
    judge(law, scaling(dict))
    judge(law, scaling(counted, frozen=("scaler/mean",)))
    judge(law, scaling(counted, frozen=()))


def test_a_statistic_is_frozen_in_its_phase():
    """In the steps before it may move."""
    late = scaling(counted, frozen=lambda step: ("scaler",) if step > 2 else ())
    with pytest.raises(Refutation, match=r"scaler/seen: .* changed at step 3: 2 → 3"):
        judge("frozen-value", late)


def test_a_predicate_may_name_a_statistic():
    """As long as it covers no parameter."""
    named = scaling(counted, frozen=lambda path: path[-1] == "seen")
    with pytest.raises(Refutation, match="scaler/seen"):
        judge("frozen-value", named)


def test_a_statistic_of_a_frozen_layer_is_beyond_a_promise_of_values():
    """One that is named is not, and either refutes the law of frozen layers' state."""
    layer = linen_updates.statistics_of_a_frozen_norm
    judge("frozen-value", layer)
    with pytest.raises(Refutation, match="norm/mean: a statistic of a frozen layer moved"):
        judge("frozen-layer-state", layer)

    leaves = ("body", "norm/scale", "norm/bias", "norm/mean", "norm/var")
    by_name = replace(layer, frozen=leaves)
    with pytest.raises(Refutation, match="norm/mean: frozen statistic changed"):
        judge("frozen-value", by_name)
    with pytest.raises(Refutation, match=r"norm/mean: frozen statistic moved at step 1: 0 → 0\.03"):
        judge("frozen-layer-state", by_name)


@pytest.mark.parametrize(
    ("follow", "said"),
    [
        (shifted, "scaler/mean: frozen statistic moved at step 1: 0 → 0.5, 3 of 3 elements"),
        (counted, "scaler/seen: frozen statistic moved at step 1: 0 → 1"),
        (dropped, "scaler/seen: frozen statistic moved at step 1: vanished"),
    ],
)
def test_what_is_named_need_not_belong_to_a_layer(follow, said):
    """State of the model that no parameter is beside is frozen where `frozen` names it."""
    with pytest.raises(Refutation, match=said):
        judge("frozen-layer-state", scaling(follow))
    judge("frozen-layer-state", scaling(dict))
    with pytest.raises(Inconclusive, match="no frozen layer has statistics"):
        judge("frozen-layer-state", scaling(follow, frozen=()))


LINEN_NORM = linen_updates.statistics_of_a_frozen_norm
NNX_NORM = nnx_models.statistics_of_a_frozen_norm
NNX_NAMED = statistics.statistics_move_in_training_mode
IN_TRAINING = {
    "linen": "its BatchNorm runs in training mode, without `use_running_average=True`",
    "nnx": "its layer runs in training mode: the statistic stays after `model.eval()`",
}
PUT_THERE = "the step puts its layer into training mode, as by `model.train()`"
CALLED = "the step calls its BatchNorm in training mode, with `use_running_average=False`"
VIEWED = "the step runs a view of its layer in training mode, as `nnx.view` makes one"
SOMEHOW = "the step runs its BatchNorm in training mode"
OPTIMIZED = (
    "the optimizer trains the statistic, which is among what it gets: it stays at learning_rate=0; "
    "give the optimizer the parameters alone, as by `wrt=nnx.Param`"
)
BY_THE_STEP = "the step itself moves the statistic: it moves at learning_rate=0, too"


@pytest.mark.parametrize(
    ("law", "subject", "leaf", "cause"),
    [
        ("frozen-value", trained_norm, "norm/mean", IN_TRAINING["linen"]),
        ("frozen-value", NNX_NAMED, "norm/mean", IN_TRAINING["nnx"]),
        ("frozen-value", statistics.scaler_follows_the_inputs, "scaler/mean", BY_THE_STEP),
        (
            "frozen-value",
            replace(trained_norm, train_step=shifting_what_it_had),
            "norm/mean",
            BY_THE_STEP,
        ),
        ("frozen-value", scaling(dropped), "scaler/seen", None),
        ("frozen-layer-state", LINEN_NORM, "norm/mean", IN_TRAINING["linen"]),
        ("frozen-layer-state", NNX_NORM, "l1/layers/1/mean", IN_TRAINING["nnx"]),
        ("frozen-layer-state", scaling(counted), "scaler/seen", BY_THE_STEP),
        ("frozen-layer-state", in_training_mode(NNX_NORM), "l1/layers/1/mean", PUT_THERE),
        ("frozen-value", in_training_mode(NNX_NAMED), "norm/mean", PUT_THERE),
        ("frozen-value", shifting_in_training_mode(NNX_NAMED), "norm/mean", BY_THE_STEP),
        ("frozen-value", predicting(lambda model, x: model(x, train=True)), "norm/mean", CALLED),
        (
            "frozen-value",
            predicting(lambda model, x: nnx.view(model, use_running_average=False)(x)),
            "norm/mean",
            VIEWED,
        ),
        ("frozen-value", viewing(predicting(in_evaluation)), "norm/mean", VIEWED),
        ("frozen-value", predicting(assigning), "norm/mean", SOMEHOW),
        ("frozen-value", predicting(adding), "norm/mean", BY_THE_STEP),
        ("frozen-value", predicting(in_evaluation, wrt=nnx.Variable), "norm/mean", OPTIMIZED),
        ("frozen-value", predicting(in_evaluation, after=averaging), "norm/mean", None),
    ],
    ids=[
        "linen",
        "nnx",
        "own",
        "beside",
        "vanishes",
        "linen layer",
        "nnx layer",
        "named",
        "put there in a layer",
        "put there",
        "put there and beside",
        "called",
        "viewed",
        "a view trains",
        "assigned",
        "called and beside",
        "trained",
        "made of what trains",
    ],
)
def test_the_cause_is_that_of_the_statistic(law, subject, leaf, cause):
    """And never an optimizer, which has no part in it, nor an inverted mask."""
    trajectory = run(subject, PROBLEM)
    with pytest.raises(Refutation) as found:
        BY_ID[law].check(trajectory)

    reason = cause_of(BY_ID[law], subject, [trajectory], found.value)

    assert found.value.facts["leaf"] == leaf
    assert (reason and reason.text) == cause
    assert reason is None or reason.fault["leaves"] == [leaf]


@pytest.mark.parametrize(
    ("subject", "proved"),
    [
        (correct.statistics_frozen_alone, True),
        (correct.mean_frozen_beside_a_counter, True),
        (scaling(dict), True),
        (statistics.statistics_move_in_training_mode, False),
        (statistics.scaler_follows_the_inputs, False),
    ],
    ids=["nnx kept", "linen kept", "own kept", "nnx moved", "linen moved"],
)
def test_a_proof_is_about_statistics_too(subject, proved):
    """No law of what is frozen is proved while a statistic that is named moves."""
    found = prove(subject, SGD, NAMED)

    assert set(found.proved) == (set(NAMED) if proved else set())
    if not proved:
        assert found.unproved["frozen-value"].leaf.endswith("/mean")


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (linen_updates.statistics_of_a_frozen_norm, ["norm/mean", "norm/var"]),
        (replace(linen_updates.statistics_of_a_frozen_norm, frozen=("norm",)), ["norm/mean"]),
        (scaling(dict, frozen=("scaler/mean",)), ["scaler/mean"]),
        (scaling(counted, frozen=()), []),
    ],
    ids=["layer", "layer alone", "named", "nothing"],
)
def test_a_page_shows_frozen_statistics(subject, told):
    """Before the leaves, with what became of them."""
    first, *_ = course(run(subject, PROBLEM))["steps"]

    names = [leaf["leaf"] for leaf in first["leaves"] if leaf["frozen"]]
    assert names[: len(told)] == told


def test_statistics_of_a_layer_do_not_hide_leaves_that_move():
    """Of a frozen layer that trains, its parameters are what is told."""
    thawed = replace(linen_updates.statistics_of_a_frozen_norm, frozen=("norm", "head"))
    first, *_ = course(run(thawed, PROBLEM))["steps"]

    assert first["leaves"][0]["leaf"] == "head/bias"


def test_a_statistic_that_moves_fails_the_run():
    """With the default promise, and the page shows the statistic among the leaves."""
    report = verify(scaling(shifted), laws=["frozen-*"], max_examples=3, proofs=False)

    refuted = {row.law: row for row in report.rows if row.verdict == "refuted"}
    assert set(refuted) == {*NAMED, "frozen-layer-state"}
    assert report.exit_status == 1
    found = refuted["frozen-value"].counterexample
    assert found["facts"]["norms_kept"] is False
    (course,) = found["course"]
    first, *_ = course["steps"][0]["leaves"]
    assert (first["leaf"], first["frozen"], first["after"]) == ("scaler/mean", True, 0.5)
