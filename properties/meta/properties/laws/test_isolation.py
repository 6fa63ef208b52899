"""Laws of isolation, and of special weights, say what they could not see, and refute the rest."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from frostproof import LinenTrainer, OptaxFreeze, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.frozen_leaves import SKIPPED
from frostproof.properties.laws.law import Inconclusive
from frostproof.properties.laws.requirements.training_law import NO_UPDATE
from frostproof.reference.corpus.accepted.trainers.linen_states import quantised_weights
from frostproof.reference.corpus.accepted.trainers.linen_steps import multi_transform
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    stepping,
)
from frostproof.reference.corpus.specimens.trainers.linen_models import gradient_times_mask
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.oracles import isolated_replay
from frostproof.reference.problems.wrapper_problem import TreeProblem
from frostproof.strategies.optimizers import behind_clipping

EFFORT = Effort(max_examples=3, seed=0, shrinking=0)


def forward_step(state, batch):
    """Differentiate along each axis, which nothing observes."""
    flat, unravel = ravel_pytree(state.params)

    def loss(flat):
        return jnp.mean((state.apply_fn({"params": unravel(flat)}, batch.x) - batch.y) ** 2)

    def along(axis):
        return jax.jvp(loss, (flat,), (axis,))[1]

    gradients = unravel(jax.vmap(along)(jnp.eye(flat.size)))
    return state.apply_gradients(grads=gradients), loss(flat)


def nested_step(state, batch):
    """Take the gradients beside another one, by which a learning rate may be tuned."""

    def after(rate):
        def loss(params):
            return jnp.mean((state.apply_fn({"params": params}, batch.x) - batch.y) ** 2)

        value, gradients = jax.value_and_grad(loss)(state.params)
        moved = jax.tree.map(lambda p, g: p - rate * g, state.params, gradients)
        return loss(moved), (value, gradients)

    _, (value, gradients) = jax.grad(after, has_aux=True)(0.1)
    return state.apply_gradients(grads=gradients), value


@pytest.mark.parametrize("step", [forward_step, nested_step], ids=lambda step: step.__name__)
def test_gradients_that_are_not_seen_are_said(step):
    """Held would mean that they had been disturbed."""
    few = Optimizers("sgd", rates=(0.1,))
    unseen = LinenTrainer(multi_transform.create, jax.jit(step), frozen=("body",), optimizers=few)
    law = BY_ID["frozen-gradients-do-not-leak"]

    verdict = judge(law, unseen, EFFORT, CallCache(), "unseen")
    seen = judge(law, replace(multi_transform, optimizers=few), EFFORT, CallCache(), "seen")

    assert verdict.outcome == "not-run"
    assert "trains by a gradient that neither jax.grad" in verdict.reason
    assert "and not within another gradient" in verdict.reason
    assert seen.outcome == "held"


def test_a_step_that_updates_nothing_is_told_by_the_law_that_says_why():
    """Whether leaves train as if alone is not seen where the program trains none."""
    still = LinenTrainer(
        multi_transform.create, lambda state, batch: (state, jnp.float32(0)), frozen=("body",)
    )

    verdict = judge(BY_ID["trains-as-if-alone"], still, EFFORT, CallCache(), "still")

    assert (verdict.outcome, verdict.reason) == ("not-run", NO_UPDATE)


@jax.jit
def skipping(state, batch):
    """Leave out a step whose loss is not a number."""
    new, loss = multi_transform.train_step(state, batch)
    kept = jax.tree.map(lambda now, old: jnp.where(jnp.isfinite(loss), now, old), new, state)
    return kept, loss


def test_a_program_that_skips_steps_is_not_sent_to_longer_runs():
    """Weights that hold NaN make each loss NaN: no number of steps would update anything."""
    skips = replace(multi_transform, train_step=skipping, optimizers=Optimizers("sgd"))

    verdict = judge(BY_ID["frozen-special-weights"], skips, EFFORT, CallCache(), "skips")

    assert (verdict.outcome, verdict.reason) == ("not-run", SKIPPED)


BODY_AND_HEAD = Layers(("body_1", "body_10", "head"))


def startswith(optimizer):
    """Freeze all layers whose name begins so, of which there are two."""
    return partitioned(optimizer, lambda path: path[0].key.startswith("body_1"))


def descended(old, new):
    """Move what the optimizer never gets, by an optimizer of the program's own."""
    kernel = old.params["body_10"]["kernel"] - 0.1
    moved = new.params | {"body_10": new.params["body_10"] | {"kernel": kernel}}
    return new.replace(params=moved)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (lambda old, new: new, "trainable-moves says whether it should"),
        (descended, "something else moves it"),
    ],
    ids=["left out", "moved"],
)
def test_a_leaf_that_a_label_leaves_out_is_told_from_other_names(after, told):
    """What the optimizer gets are leaves by their names, and one is missing."""
    caught = LinenTrainer(
        creating(BODY_AND_HEAD, startswith), stepping(after=after), frozen=("body_1",)
    )

    verdict = judge(BY_ID["trains-as-if-alone"], caught, EFFORT, CallCache(), "caught")

    assert verdict.outcome == "not-run"
    assert verdict.reason == f"the optimizer never gets a trainable leaf: {told}"


@pytest.mark.parametrize(
    ("leaves", "times", "outcome"),
    [
        (("kernel",), 10.0, "held"),
        (("kernel",), 0.5, "held"),
        (("bias",), 2.0, "held"),
        (("bias", "kernel"), 2.0, "refuted"),
    ],
)
def test_a_leaf_may_have_a_rate_of_its_own(leaves, times, outcome):
    """Biases often have twice that of the others; twice the update of all is applied again."""

    def scaled(old, new):
        before, after = old.params["head"], new.params["head"]
        changed = {leaf: before[leaf] + times * (after[leaf] - before[leaf]) for leaf in leaves}
        return new.replace(params=new.params | {"head": after | changed})

    few = Optimizers("sgd", rates=(0.1,))
    own = replace(multi_transform, train_step=stepping(after=scaled), optimizers=few)
    verdict = judge(BY_ID["trains-as-if-alone"], own, EFFORT, CallCache(), str(times))

    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("rates", "outcome"),
    [
        ((0.0, 0.5, 1.0), "not-run"),
        ((0.5, 0.5, 0.5), "held"),
        ((1.0, 2.0, 0.5), "not-run"),
        ((2.0,), "vacuous"),
        ((1.0, 2.0), "not-run"),
        ((1.0, 2.0, 3.0), "not-run"),
        ((1.0, 2.0, 2.0), "refuted"),
        ((2.0, 2.0), "refuted"),
    ],
    ids=[
        "warm-up",
        "constant",
        "cycle",
        "one step",
        "its second step",
        "whole numbers",
        "applied again",
        "twice",
    ],
)
def test_a_schedule_behind_the_optimizer_is_no_coupling(rates, outcome):
    """It multiplies all updates of a step alike, whatever the frozen leaves are."""

    def create(seed, batch, optimizer):
        schedule = optax.scale_by_schedule(lambda count: jnp.array(rates)[count])
        return multi_transform.create(seed, batch, optax.chain(optimizer, schedule))

    few = Optimizers("sgd", rates=(0.1,))
    scheduled = replace(multi_transform, create=create, optimizers=few, steps=(len(rates),))
    verdict = judge(BY_ID["trains-as-if-alone"], scheduled, EFFORT, CallCache(), str(rates))

    assert verdict.outcome == outcome, verdict.reason


@pytest.mark.parametrize(
    "projected",
    [
        lambda old, new: jnp.clip(new, -0.1, 0.1),
        lambda old, new: new / jnp.linalg.norm(new),
        lambda old, new: jnp.round(64 * new) / 64,
        lambda old, new: new - 0.01 * old,
        lambda old, new: old + 0.5 * (new - old) * (jnp.arange(new.size) % 2).reshape(new.shape),
    ],
    ids=["clamp", "norm", "grid", "decay", "pruning"],
)
def test_what_a_step_does_behind_the_optimizer_is_no_coupling(projected):
    """Weights of a critic are clamped, others kept positive, on a sphere or a grid, or pruned."""

    def after(old, new):
        head = jax.tree.map(projected, old.params["head"], new.params["head"])
        return new.replace(params=new.params | {"head": head})

    few = Optimizers("sgd", "momentum", rates=(0.1,))
    program = replace(multi_transform, train_step=stepping(after=after), optimizers=few)
    verdict = judge(BY_ID["trains-as-if-alone"], program, EFFORT, CallCache(), "projected")

    assert verdict.outcome == "not-run"
    assert verdict.reason.startswith("the step changes what the optimizer makes of a leaf")


def test_a_move_that_rounding_repeats_is_not_one_that_comes_late():
    """A decay of less than half a step of the grid leaves the second move as it was."""
    lion = replace(quantised_weights, optimizers=Optimizers("lion", rates=(1.0,)), steps=(2,))
    effort = replace(EFFORT, max_examples=20)
    verdict = judge(BY_ID["trains-as-if-alone"], lion, effort, CallCache(), "grid")

    assert verdict.outcome == "not-run", verdict.counterexample


def test_the_bound_covers_a_momentum_in_which_gradients_cancel():
    """What is left of them is small, and how they were rounded is not."""
    path = ("w",)
    taken = [np.float32(each) for each in (1.0, -0.5)]
    steps = [
        SimpleNamespace(
            before=SimpleNamespace(params={path: SimpleNamespace(array=np.full(8, 0.01, "f"))}),
            given=SimpleNamespace(gradients={path: np.full(8, each)}),
        )
        for each in taken
    ]

    (*_, (_, after, bound)) = isolated_replay.replay(
        optax.sgd(0.1, momentum=0.5), steps, [path], nudged=True
    )

    assert (abs(after[path] - 0.01) < 1e-8).all()
    assert bound[path].max() > 1e-7


def test_a_schedule_of_a_single_number_is_no_coupling():
    """One element agrees with itself on what it is multiplied by."""

    def freeze(optimizer, mask):
        schedule = optax.scale_by_schedule(lambda count: 1 / (1 + count))
        return optax.chain(optimizer, schedule, optax.masked(optax.set_to_zero(), mask))

    sgd = optimizer("sgd", learning_rate=0.1)
    trajectory = run(OptaxFreeze(freeze), TreeProblem("scalar", ("kernel",), sgd, 2, 0))

    with pytest.raises(Inconclusive, match="all updates of a step are multiplied by a number"):
        BY_ID["trains-as-if-alone"].check(trajectory)


def frozen_last(optimizer):
    """Freeze the updates of the body, and let the optimizer see its gradients."""
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), {"body": True, "head": False}))


def test_clipping_that_sees_frozen_gradients_is_no_schedule():
    """It multiplies all updates of a step alike, too."""
    seen = creating(Layers(("body", "head")), frozen_last)
    sgd = behind_clipping().filter(lambda each: "sgd" in str(each) and "momentum" not in str(each))
    clipped = LinenTrainer(seen, multi_transform.train_step, frozen=("body",), optimizers=sgd)

    verdict = judge(BY_ID["trains-as-if-alone"], clipped, EFFORT, CallCache(), "clipped")

    assert verdict.outcome == "refuted", verdict.reason


def test_coupling_is_not_judged_by_decays_that_nobody_promises():
    """It was refuted under a clipped AdamW, whose decay nothing freezes."""

    def freeze(optimizer, mask):
        zeroed = optax.masked(optax.set_to_zero(), mask)
        return optax.chain(zeroed, optimizer, optax.zero_nans())

    rests = OptaxFreeze(freeze, optimizers=Optimizers("sgd", "adam"))
    effort = replace(EFFORT, max_examples=12)

    verdict = judge(BY_ID["frozen-under-coupled-overflow"], rests, effort, CallCache(), "rests")

    assert verdict.outcome == "held", verdict.counterexample


def leak_of(subject):
    """Judge by the law of disturbed gradients."""
    effort = replace(EFFORT, max_examples=30)
    return judge(BY_ID["frozen-gradients-do-not-leak"], subject, effort, CallCache(), "leak")


def test_a_leak_by_a_frozen_leaf_that_moves_is_told_by_what_moves_it():
    """NaN · 0 moves the body in one step, and the head by the body's NaN in the next."""
    verdict = leak_of(gradient_times_mask)

    assert "at step 2 with frozen gradients NaN" in verdict.reason
    assert verdict.counterexample.cause.startswith("body/bias, a frozen leaf, moves first: the ")
    assert "a product with 0 lets inf and NaN through" in verdict.counterexample.cause


CLIP = optax.clip_by_global_norm(1e-3)


def clipped_later(optimizer):
    """Clip by all gradients from the second step on, and let the body decay in each."""
    late = optax.conditionally_transform(CLIP, lambda number: number > 0)
    return optax.chain(late, frozen_last(optimizer), optax.add_decayed_weights(-0.1))


@pytest.mark.parametrize(
    ("wrap", "step"), [(partial(optax.chain, CLIP), 1), (clipped_later, 2)], ids=["clip", "decay"]
)
def test_a_leak_beside_frozen_leaves_that_move_is_another(wrap, step):
    """The gradients move the body no sooner than they are clipped, or not at all."""
    sgd = Optimizers("sgd", rates=(0.1,))
    clipped = creating(Layers(), wrap)
    verdict = leak_of(LinenTrainer(clipped, stepping(), frozen=("body",), optimizers=sgd))

    assert f"at step {step} with frozen gradients" in verdict.reason
    assert verdict.counterexample.cause is None
