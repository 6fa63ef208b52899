"""Where a proof fails it names the equation that lost the law, where its user or Optax wrote it."""

import re

import jax
import jax.numpy as jnp
import optax
import pytest
from hypothesis import strategies as st

from frostproof import OptaxFreeze, verify
from frostproof.properties.proofs.judging import explanation_of
from frostproof.properties.proofs.proving import prove
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    BODY,
    Layers,
    creating,
    partitioned,
    stepping,
    trainer,
    within,
    zeroing,
)
from frostproof.reference.corpus.specimens.trainers import altered_gradients, linen_models
from frostproof.reference.correct import wrappers
from frostproof.reference.optimizers.optax_releases import too_new
from frostproof.reference.optimizers.optimizer import OWN, optimizer
from frostproof.reference.problems.wrapper_problem import TreeProblem

#: Where Optax sums the squares of all gradients for `clip_by_global_norm`.
GLOBAL_NORM = (
    "optax/_src/linear_algebra.py" if too_new("galore") else "optax/transforms/_clipping.py"
)

#: What is said of a leaf that may stay as a number, and does not stay bit for bit.
ROUNDS = "is computed with, and rounds or changes the sign of its zeros"


def explained(subject, name, law="frozen-value", leaf=""):
    return str(prove(subject, optimizer(name), [law], leaf=leaf).unproved[law])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        row
        for row in (
            ("adamw", "moved by its own value, as a decay does: optax/transforms/_adding.py"),
            ("adamaxw", "moved by its own value, as a decay does: optax/transforms/_adding.py"),
            ("nadamw", "moved by its own value, as a decay does: optax/transforms/_adding.py"),
            ("lion", "moved by its own value, as a decay does: optax/transforms/_adding.py"),
            (
                "lamb_decayed",
                "moved by its own value, as a decay does: optax/transforms/_adding.py",
            ),
            ("fromage", "moved by its own value, as a decay does: optax/transforms/_adding.py"),
            ("madgrad", "moved by its own value, as a decay does: optax/contrib/_madgrad.py"),
            (
                "schedule_free_sgd",
                "what is computed from its own value: optax/contrib/_schedule_free.py",
            ),
            ("yogi", "mu/Dense_0/bias, which is not zero: optax/_src/transform.py"),
            ("noisy_sgd", "is moved by noise: optax/transforms/_adding.py"),
        )
        if not too_new(row[0])
    ],
)
def test_what_moves_a_leaf_without_a_gradient_is_named(name, told):
    """File, function and equation of Optax."""
    assert told in explained(wrappers.freeze_before_optimizer, name)


def test_the_equation_is_shown_with_the_leaf_in_it():
    """A decay is a product with the leaf itself."""
    told = explained(wrappers.freeze_before_optimizer, "adamw")

    assert told.startswith("Dense_0/bias is moved by its own value")
    assert told.endswith("mul 0.0001 Dense_0/bias:float32[4]")


@pytest.mark.parametrize(
    "decaying",
    [
        lambda: optax.adamw(lambda count: 0.1 / (count + 1)),
        lambda: optax.lamb(0.1, weight_decay=0.1),
        lambda: optax.chain(
            optax.add_decayed_weights(lambda count: 0.1 / (count + 1)), optax.sgd(0.1)
        ),
        lambda: optax.inject_hyperparams(optax.adamw)(0.1, weight_decay=lambda count: 0.1 * count),
    ],
    ids=["scheduled-rate", "lamb", "scheduled-decay", "injected"],
)
def test_a_decay_at_any_rate_of_the_optimizer_is_a_decay(decaying):
    """A rate that changes is made of what the optimizer counts, and of no parameter."""
    subject = trainer(
        create=creating(Layers(), lambda _: decaying()),
        step=stepping(gradients=zeroing(within(BODY))),
    )

    told = str(prove(subject, OWN, ["frozen-value"]).unproved["frozen-value"])

    assert "body/bias is moved by its own value, as a decay does: " in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda w, x: 0.1 * w, "is moved by its own value, as a decay does"),
        (lambda w, x: w * x.mean(), "is moved by what is computed from its own value"),
        (lambda w, x: w * w, "is moved by what is computed from its own value"),
        (lambda w, x: jnp.sin(w), "is moved by what is computed from its own value"),
        (
            jax.grad(lambda w, x: jnp.mean((x - w.sum()) ** 2)),
            "is moved by what is computed from its own value",
        ),
    ],
    ids=["decay", "by-the-batch", "squared", "sine", "gradient"],
)
def test_what_is_computed_from_a_leaf_otherwise_is_no_decay(change, told):
    """A leaf that descends its own loss depends on itself, and decays by no rate."""
    step = stepping(gradients=zeroing(within(BODY)))

    def moving(state, batch):
        new, loss = step(state, batch)
        bias = new.params["body"]["bias"]
        body = {**new.params["body"], "bias": bias - change(state.params["body"]["bias"], batch.x)}
        return new.replace(params={**new.params, "body": body}), loss

    assert f" {told}: " in explained(trainer(create=creating(Layers()), step=moving), "sgd")


def test_of_a_wrapper_that_fails_the_tree_is_the_one_that_it_failed_on():
    """Names of a tree of the prover's own would be found nowhere."""
    frozen_before = wrappers.freeze_before_optimizer
    problem = TreeProblem("two leaves", ("backbone",), optimizer("adamw"), 1, 0)

    told = explanation_of("frozen-value", frozen_before, problem, "backbone")

    assert told.startswith("backbone is moved by its own value")
    assert told.endswith("mul 0.0001 backbone:float32[2]")


def test_masked_alone_hands_the_gradient_on():
    """What `masked` leaves out it returns as it came."""
    masked = OptaxFreeze(
        lambda tx, mask: optax.masked(tx, jax.tree.map(lambda frozen: not frozen, mask))
    )

    assert "moved by its own gradient" in explained(masked, "sgd")


def test_a_gradient_times_a_mask_is_no_zero_where_it_is_infinite():
    """The line is that of the program under test."""
    told = explained(linen_models.gradient_times_mask, "sgd", "frozen-under-overflow")

    assert "0 · x is NaN, since x may be infinite or NaN" in told
    assert "linen_models.py" in told


def test_clipping_outside_the_partition_leaks():
    """A trainable leaf is updated by a norm in which the frozen gradients are."""

    def freeze(tx, mask):
        labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
        parts = optax.partition({"trained": tx, "frozen": optax.set_to_zero()}, labels)
        return optax.chain(optax.clip_by_global_norm(1.0), parts)

    told = explained(OptaxFreeze(freeze), "sgd", "frozen-gradients-do-not-leak")

    assert "depends on the gradient of Dense_0/bias" in told
    assert GLOBAL_NORM in told


def test_a_clip_in_front_of_the_optimizer_is_named_by_its_line():
    """The weights depend on all gradients of steps before, too, and the clip is still found."""
    body = within(BODY)

    def clipped(optimizer):
        return optax.chain(optax.clip_by_global_norm(1.0), partitioned(optimizer, body))

    clipping = trainer(create=creating(Layers(), clipped))

    told = explained(clipping, "adam", "frozen-gradients-do-not-leak")

    assert "depends on the gradient of" in told
    assert GLOBAL_NORM in told
    called = rf": \S*recipes/linen_training_recipe\.py:\d+, through {GLOBAL_NORM}:\d+ \S+, add"
    assert re.search(called, told)


def test_a_choice_is_shown_as_it_is_written():
    """`jnp.where` takes first what is chosen where the condition holds."""

    def decayed(old, new):
        kept = jnp.where(new.step % 3 == 0, 0.5, 1.0)
        return new.replace(params=jax.tree.map(lambda leaf: leaf * kept, new.params))

    told = explained(trainer(step=stepping(after=decayed)), "sgd")

    assert "is changed by the result of an equation" in told
    assert told.endswith("where bool[] 0.5 1")


def test_of_several_leaves_that_which_was_seen_is_told_of():
    """A decay moves both leaves of a layer; of an unknown leaf, the first one is told of."""
    leaves = ("Dense_0/kernel", "Dense_0/bias", "no/such")
    told = [explained(wrappers.freeze_before_optimizer, "adamw", leaf=each) for each in leaves]

    assert [each.split()[0] for each in told] == ["Dense_0/kernel", "Dense_0/bias", "Dense_0/bias"]


def test_no_line_of_ours_is_blamed():
    """A gradient is marked by us where the program takes it: the line is the program's."""
    unfrozen = trainer(create=creating(Layers(), lambda _: optax.sgd(0.1)))

    told = str(prove(unfrozen, OWN, ["frozen-value"]).unproved["frozen-value"])

    assert re.fullmatch(r"body/bias is moved by its own gradient: \S*_recipe\.py:\d+", told)


def test_the_gradient_of_another_leaf_is_not_called_its_own():
    """The frozen leaf is handed what was taken of the other one."""

    def copied(tx, mask):
        def update(updates, state, params=None):
            return dict.fromkeys(updates, updates["head"]), state

        return optax.GradientTransformation(tx.init, update)

    problem = TreeProblem("two leaves", ("backbone",), optimizer("sgd"), 1, 0)

    told = explanation_of("frozen-value", OptaxFreeze(copied), problem, "backbone")

    assert told == "backbone is moved by the gradient of head"


def test_what_accumulates_a_gradient_is_told_of_the_gradient_and_not_of_its_counter():
    """`optax.MultiSteps` multiplies the gradients by what it computes from its own counter."""
    problem = TreeProblem("two leaves", ("backbone",), optimizer("sgd"), 1, 0)

    def accumulating(tx, mask):
        labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
        parts = {"frozen": optax.set_to_zero(), "trained": tx}
        return optax.MultiSteps(optax.partition(parts, labels), 2).gradient_transformation()

    told = explanation_of(
        "frozen-optimizer-state", OptaxFreeze(accumulating), problem, "acc_grads/backbone"
    )

    assert told.startswith("acc_grads/backbone is moved by the gradient of backbone")


def test_a_leak_is_told_where_it_happens_in_a_step():
    """A step later everything depends on it, by way of the leaves that it has trained."""
    told = explained(
        altered_gradients.step_skipped_for_the_body, "sgd", "frozen-gradients-do-not-leak"
    )

    assert "head/bias is updated by a number that depends on the gradient of body/bias" in told
    assert "altered_gradients.py" in told
    assert "concatenate" in told


def test_a_leaf_that_becomes_another_is_not_said_to_be_computed_with():
    """The way back led through its gradient to the prediction, which it is in."""

    def exchanged(old, new):
        body = new.params["body"] | {"bias": new.params["mid"]["bias"]}
        return new.replace(params=new.params | {"body": body})

    layers = creating(Layers(("body", "mid", "head")))
    told = explained(trainer(create=layers, step=stepping(after=exchanged)), "sgd")

    assert told == "body/bias is replaced by what mid/bias becomes"


def test_noise_is_told_and_not_the_count_that_scales_it():
    """The scale comes first in the product, and less of it moves a leaf."""

    def noisy(optimizer, mask):
        frozen = optax.masked(optax.set_to_zero(), mask)
        return optax.chain(optimizer, frozen, optax.add_noise(0.01, 0.55, 0))

    problem = TreeProblem("two leaves", ("backbone",), optimizer("sgd"), 1, 0)

    told = explanation_of("frozen-value", OptaxFreeze(noisy), problem, "backbone")

    assert told.startswith("backbone is moved by noise: ")


def test_a_leak_by_way_of_a_condition_is_told_where_it_is_made():
    """`optax.apply_if_finite` decides by all gradients whether a step is taken, by `lax.cond`."""

    def skipping(optimizer, mask):
        labels = jax.tree.map(lambda frozen: "frozen" if frozen else "trained", mask)
        parts = {"frozen": optax.set_to_zero(), "trained": optimizer}
        return optax.apply_if_finite(optax.partition(parts, labels), 5)

    problem = TreeProblem("two leaves", ("backbone",), optimizer("sgd"), 1, 0)

    told = explanation_of("frozen-gradients-do-not-leak", OptaxFreeze(skipping), problem, "head")

    assert "apply_if_finite" in told
    assert "concatenate bool" in told


def test_huge_rates_are_not_proved_of_by_gradients_that_are_finite():
    """They make gradients overflow, and 0 · inf is NaN: a rate of 3.4e38 refuted it."""
    told = explained(linen_models.gradient_times_mask, "sgd", "frozen-any-learning-rate")

    assert "0 · x is NaN" in told


def test_an_average_in_bfloat16_rounds():
    """A rate that bfloat16 can hold is meant: 0 · inf is not what moves the leaf."""

    def averaged(old, new):
        rate = jnp.bfloat16(0.01)
        return new.replace(params=optax.incremental_update(new.params, old.params, rate))

    body = within(BODY)
    served = trainer(
        create=creating(Layers(param_dtype=jnp.bfloat16)),
        step=stepping(gradients=zeroing(body), after=averaged),
    )
    told = explained(served, "sgd")

    assert ROUNDS in told
    assert "incremental_update" in told
    assert "bfloat16" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda leaf: 0.9 * leaf, "is changed by a constant"),
        (lambda leaf: leaf + 1, "is changed by a constant"),
        (lambda leaf: 0 - leaf, "is changed by a constant"),
        (lambda leaf: jnp.clip(leaf, -0.3, 0.3), "is changed by a constant"),
        (lambda leaf: 0.5 * leaf + 0.5 * 0.3, "is changed by a constant"),
        (lambda leaf: -leaf, "is computed with"),
        (lambda leaf: leaf[::-1], "is computed with"),
        (lambda leaf: leaf + 0.0, ROUNDS),
        (lambda leaf: 0.9 * leaf + 0.1 * leaf, ROUNDS),
        (
            lambda leaf: leaf.astype(jnp.bfloat16).astype(leaf.dtype),
            "is cast to bfloat16, which rounds it",
        ),
    ],
    ids=[
        "times",
        "plus",
        "minus",
        "clipped",
        "towards-a-constant",
        "negated",
        "reversed",
        "plus-zero",
        "averaged",
        "cast",
    ],
)
def test_what_is_changed_by_a_constant_is_not_said_to_round(change, told):
    """What rounds is a cast, an average, or a constant that changes nothing but signs of zeros."""

    def changed(old, new):
        return new.replace(params=jax.tree.map(change, new.params))

    step = stepping(gradients=zeroing(within(BODY)), after=changed)
    subject = trainer(create=creating(Layers()), step=step)

    assert f" {told}: " in explained(subject, "sgd", "frozen-bits")


def test_an_optimizer_of_a_strategy_is_left_unexplained():
    """Nothing can make it again, so the refutation comes without an equation."""
    freeze = OptaxFreeze(
        lambda tx, mask: optax.masked(tx, jax.tree.map(lambda frozen: not frozen, mask)),
        optimizers=st.builds(optax.sgd, st.floats(0.01, 0.1)),
    )

    report = verify(freeze, laws=["frozen-value"], max_examples=2, seed=1)

    assert [row.verdict for row in report.rows] == ["refuted"]
