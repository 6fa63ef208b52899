"""The cause of a refutation is found by variations of the problem, and is the right one."""

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from frostproof import LinenTrainer, NnxTrainer, OptaxFreeze, Optimizers
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.causes.finding import cause_of
from frostproof.properties.engine.causes.movement import moved_leaves
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Refutation
from frostproof.reference.corpus.specimens.lifetimes import copies_left_behind
from frostproof.reference.corpus.specimens.recipes import linen_training_recipe as linen_recipe
from frostproof.reference.corpus.specimens.recipes.nnx_training_recipe import creating, stepping
from frostproof.reference.corpus.specimens.trainers import linen_models, nnx_models, nnx_traps
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.batches import Batch
from frostproof.reference.problems.training_problem import Drawn, TrainingProblem
from frostproof.reference.problems.wrapper_problem import TreeProblem, leaf_paths
from frostproof.reference.pytrees.paths import path_text


def zeroed_before(optimizer, mask):
    return optax.chain(optax.freeze(mask), optimizer)


def left_out(optimizer, mask):
    return optax.masked(optimizer, jax.tree.map(lambda frozen: not frozen, mask))


def untouched(optimizer, mask):
    return optimizer


def biases_forgotten(optimizer, mask):
    def kernel(path, frozen):
        return frozen and path[-1].key != "bias"

    return optax.chain(optimizer, optax.freeze(jax.tree_util.tree_map_with_path(kernel, mask)))


def one_layer_forgotten(optimizer, mask):
    def later(path, frozen):
        return frozen and path[1].key != "layer_0"

    return optax.chain(optimizer, optax.freeze(jax.tree_util.tree_map_with_path(later, mask)))


def multiplied(optimizer, mask):
    def update(updates, state, params):
        updates, state = optimizer.update(updates, state, params)
        return jax.tree.map(lambda u, f: u * (not f), updates, mask), state

    return optax.GradientTransformation(optimizer.init, update)


def taking(part):
    """A wrapper that takes a part of each frozen leaf away in each step."""

    def wrap(optimizer, mask):
        def update(updates, state, params):
            updates, state = optimizer.update(updates, state, params)
            taken = jax.tree.map(lambda u, p, f: -part * p if f else u, updates, params, mask)
            return taken, state

        return optax.GradientTransformation(optimizer.init, update)

    return wrap


shrunk_by_itself, pruned_late, negated = taking(0.1), taking(1), taking(2)


def pushed_by_itself(optimizer, mask):
    def update(updates, state, params):
        updates, state = optimizer.update(updates, state, params)
        return jax.tree.map(lambda u, f: u * 0 + 0.1 if f else u, updates, mask), state

    return optax.GradientTransformation(optimizer.init, update)


@pytest.mark.parametrize(
    ("wrap", "optimizers", "cause"),
    [
        (zeroed_before, "adamw", "weight decay moves the leaf: it stays with weight_decay=0"),
        (zeroed_before, "lion", "weight decay moves the leaf: it stays with weight_decay=0"),
        (zeroed_before, "yogi", "the optimizer moves the leaf although its gradient is zero"),
        (left_out, "sgd", "the raw gradient is added to the leaf"),
        (untouched, "sgd", "the optimizer gets the gradient of the leaf: the freeze misses"),
        (shrunk_by_itself, "sgd", "the step itself scales the leaf, as a decay does: it is scaled"),
        (pushed_by_itself, "sgd", "the step itself moves the leaf: it moves at learning_rate=0"),
        (
            pruned_late,
            "sgd",
            "the step itself makes zeros of the leaf: it does so at learning_rate",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_cause_is_named(wrap, optimizers, cause):
    """Each fault has its own sentence."""
    subject = OptaxFreeze(wrap, optimizers=Optimizers(optimizers))
    verdict = judge(BY_ID["frozen-value"], subject, Effort(20, 0), CallCache(), "own")

    assert verdict.outcome == "refuted"
    assert cause in verdict.counterexample.cause


@pytest.mark.parametrize("law", ["exact-selection", "freeze-everything"])
def test_a_law_of_the_selection_that_sees_a_frozen_leaf_move_says_why(law):
    """What it mostly fails by, such as names compared as text, is not to blame."""
    subject = OptaxFreeze(untouched, optimizers=Optimizers("sgd"))
    verdict = judge(BY_ID[law], subject, Effort(20, 0), CallCache(), "own")

    assert verdict.outcome == "refuted"
    assert verdict.counterexample.cause.startswith("the optimizer gets the gradient of the leaf")


@pytest.mark.parametrize(("wrap", "kept"), [(negated, True), (untouched, False)])
def test_it_is_noted_whether_the_norms_stay(wrap, kept):
    """A summary says that a check of norms misses what moves only where they were seen to stay."""
    subject = OptaxFreeze(wrap, optimizers=Optimizers("sgd"))
    verdict = judge(BY_ID["frozen-value"], subject, Effort(20, 0), CallCache(), "own")

    assert verdict.counterexample.facts["norms_kept"] is kept


@pytest.mark.parametrize(
    ("wrap", "extent"),
    [
        (biases_forgotten, "every frozen `bias` moves (2), no other frozen leaf"),
        (untouched, "all 4 frozen leaves move"),
        (one_layer_forgotten, "both leaves under `body/layer_0` move, no other frozen leaf"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_leaves_that_move_are_told_apart(wrap, extent):
    """Of the layers that a problem freezes, it says which part moves."""
    tree = "twelve leaves"
    problem = TreeProblem(tree, leaf_paths(tree)[:4], optimizer("sgd"), 1, 0)
    subject = OptaxFreeze(wrap)
    trajectory = run(subject, problem)
    found = Refutation("it moved", assertion="False", leaf="body/layer_0/bias")

    cause = cause_of(BY_ID["frozen-value"], subject, [trajectory], found)

    assert cause.text.endswith(extent)
    assert cause.fault.get("whole", False) is (wrap is untouched)


def test_a_wrapper_that_misses_a_single_leaf_may_freeze_others():
    """Problems draw what it is to freeze: the next one may name leaves that it does not miss."""
    problem = TreeProblem("two leaves", ("backbone",), optimizer("sgd"), 1, 0)

    assert "whole" not in found_by(OptaxFreeze(untouched), problem).fault


def found_by(subject, problem, law="frozen-under-overflow"):
    """The reason why the first leaf moves that does."""
    trajectory = run(subject, problem)
    step = next(step for step in trajectory.steps if moved_leaves(step))
    leaf = path_text(moved_leaves(step)[0])
    refuted = Refutation("it moved", assertion="False", leaf=leaf)
    return cause_of(BY_ID[law], subject, [trajectory], refuted)


@pytest.mark.parametrize(
    ("wrap", "name", "kind"),
    [
        (untouched, "sgd", "missed"),
        (untouched, "adamw", "missed"),
        (biases_forgotten, "sgd", "missed"),
        (zeroed_before, "adamw", "decay"),
        (shrunk_by_itself, "sgd", "the step"),
        (left_out, "sgd", "raw gradient"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("gradients", ["ordinary", "inf", "nan", "huge"])
def test_the_cause_is_the_same_in_an_overflow(wrap, name, kind, gradients):
    """A rate or a decay of zero tells nothing of a gradient that is not finite: 0 · NaN is NaN."""
    tree = "twelve leaves"
    frozen, row = leaf_paths(tree)[:4], optimizer(name, learning_rate=1.0)
    problem = TreeProblem(tree, frozen, row, 2, 0, gradients=gradients)

    assert found_by(OptaxFreeze(wrap), problem).kind == kind


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("gradients", ["inf", "nan"])
def test_a_mask_of_0_and_1_is_told_from_one_that_misses(name, gradients):
    """The leaf stays where gradients are finite."""
    problem = TreeProblem("two leaves", ("backbone",), optimizer(name), 1, 0, gradients=gradients)

    assert found_by(OptaxFreeze(multiplied), problem).kind == "product"


def test_an_overflow_of_the_rate_is_told_as_one():
    """A mask of 0 and 1 holds at ordinary rates, and not where the rate makes an infinity."""
    subject = OptaxFreeze(multiplied)
    row = optimizer("sgd", learning_rate=3.4e38)
    problem = TreeProblem("two leaves", ("backbone",), row, 2, 0)

    assert found_by(subject, problem, "frozen-any-learning-rate").kind == "product"


@pytest.mark.parametrize(
    ("wrap", "kind", "words"),
    [
        (untouched, "missed", "the freeze misses the leaf"),
        (multiplied, "product", "a product with 0 lets inf and NaN through"),
        (zeroed_before, "overflow of zero", "zero: it couples leaves, as by the norm"),
    ],
    ids=["missed", "product", "coupled"],
)
def test_behind_a_norm_of_all_gradients_the_norm_is_not_always_to_blame(wrap, kind, words):
    """It is NaN where another leaf's gradient is, and makes NaN of a gradient of zero."""
    clip = optimizer("clip_by_global_norm", optimizer("sgd"), max_norm=1.0)
    problem = TreeProblem("two leaves", ("backbone",), clip, 1, 0, gradients="nan in trainable")

    cause = found_by(OptaxFreeze(wrap), problem, "frozen-under-coupled-overflow")

    assert cause.kind == kind
    assert words in cause.text


TRAINED = nnx.All(nnx.Param, nnx.Not(lambda path, _: path[0] == "l1" and "kernel" in path))
BIASES_MISSED = NnxTrainer(creating(wrt=TRAINED), stepping(wrt=TRAINED), frozen=("l1",))


@pytest.mark.parametrize("numbers", ["ordinary", "overflowing", "nan"])
def test_a_filter_that_misses_biases_is_told_in_an_overflow(numbers):
    """A trainer's gradients overflow by its batch."""
    problem = TrainingProblem(0, optimizer("sgd"), 2, 3, 0, numbers=numbers)

    cause = found_by(BIASES_MISSED, problem)

    assert cause.text.startswith("the optimizer gets the gradient of the leaf: the freeze misses")
    assert cause.fault == {"kind": "missed", "leaves": ["l1/bias"]}


def test_at_a_rate_of_zero_nan_is_not_the_steps_own():
    """Batches of a strategy of the user's have no ordinary numbers to look at instead."""
    batch = Batch(np.eye(2, 3, dtype=np.float32), np.full((2, 1), np.nan, np.float32))
    problem = TrainingProblem(0, optimizer("sgd"), 2, 3, 0, batches=(Drawn(batch),))

    assert found_by(BIASES_MISSED, problem).kind == "missed"


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_a_decay_is_one_fault_under_any_optimizer(name):
    """Its kind and its leaves do not tell which optimizer decays."""
    frozen = ("Dense_0/bias", "Dense_0/kernel")
    problem = TreeProblem("two layers", frozen, optimizer(name), 1, 0)

    cause = found_by(OptaxFreeze(zeroed_before), problem)

    assert name not in cause.text
    assert cause.fault == {"kind": "decay", "leaves": [*frozen]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (("l1",), "1 of 2 frozen leaves moves, the other is zero"),
        (
            ("l1", "l2"),
            "every frozen `kernel` moves (2), no other frozen leaf, the others are zero",
        ),
    ],
)
def test_a_decay_says_that_what_stays_is_zero(body, told):
    """Biases that begin with zero decay, too, and do not show it."""
    zeroed = linen_recipe.stepping(linen_recipe.zeroing(linen_recipe.within(body)))
    created = linen_recipe.creating(linen_recipe.Layers((*body, "head")))
    subject = linen_recipe.trainer(body, create=created, step=zeroed)

    cause = found_by(subject, TrainingProblem(0, optimizer("adamw"), 2, 3, 0))

    assert cause.kind == "decay"
    assert cause.text.endswith(told)


def test_bits_that_are_lost_are_explained():
    """A zero that is added changes the bits of −0.0 and of a subnormal."""

    def added(optimizer, mask):
        return optax.chain(optimizer, optax.freeze(mask))

    subject = OptaxFreeze(added, optimizers=Optimizers("sgd"))
    verdict = judge(BY_ID["frozen-special-weights"], subject, Effort(40, 0), CallCache(), "own")

    assert verdict.outcome == "refuted"
    assert "something is added, even if zero" in verdict.counterexample.cause


def test_bits_that_are_lost_explain_no_law_of_the_selection():
    """Which leaves are frozen has nothing to do with it."""
    subject = OptaxFreeze(lambda optimizer, mask: optax.chain(optimizer, optax.freeze(mask)))
    row = optimizer("sgd", learning_rate=0.1)
    problem = TreeProblem("two layers", ("Dense_0/kernel",), row, 1, 0, weights="special")
    calls = [run(subject, problem)]
    found = Refutation("it failed", assertion="False", leaf="Dense_0/kernel")

    assert cause_of(BY_ID["frozen-bits"], subject, calls, found).kind == "added zero"
    assert cause_of(BY_ID["freeze-order"], subject, calls, found) is None


@pytest.mark.parametrize(
    ("specimen", "cause"),
    [
        (nnx_traps.in_place_under_jax_jit, "`jax.jit` gives nothing back of what a step does in"),
        (nnx_traps.array_in_the_place_of_a_variable, "it is an array, and no variable"),
        (nnx_traps.prefix_without_graph_mode, ".l1.bias.value in `jax.grad` or without graph"),
        (nnx_traps.rule_of_a_printed_path, "['l1']['bias'] in updates of `nnx.Optimizer`"),
        (nnx_traps.mask_taken_for_a_schedule, "takes the function `mask` for a schedule"),
        (nnx_traps.selective_transform_of_a_function, "a function where a tree is expected"),
        (nnx_traps.weights_normalised_in_place, "its layer stores the normalised weights"),
        (nnx_traps.weights_untied_by_a_loop, "it was another name of embed/kernel"),
        (linen_models.gradient_times_mask, "the leaf stays where all numbers are finite"),
        (nnx_models.kernel_filtered_everywhere, "a mask, a label or a filter leaves it out"),
    ],
    ids=lambda value: value.specimen.subject_name if hasattr(value, "specimen") else "",
)
def test_a_trap_is_named(specimen, cause):
    """Why a leaf moves, why one never does, and why one appears."""
    law = BY_ID[specimen.specimen.law]
    verdict = judge(law, specimen, Effort(4, 0, shrinking=0), CallCache(), "own")

    assert verdict.outcome == "refuted"
    assert cause in verdict.counterexample.cause


def test_a_product_is_named_where_frozen_weights_are_infinite():
    """The same leaf stays where its weights are ordinary."""
    subject, rate = linen_models.gradient_times_mask, optimizer("sgd", learning_rate=0.1)
    problem = TrainingProblem(0, rate, 2, 3, fill=3, weights="special")
    found = Refutation("it moved", assertion="False", leaf="body/bias", step=1)

    reason = cause_of(BY_ID["frozen-special-weights"], subject, [run(subject, problem)], found)

    assert reason.kind == "product"


def test_of_an_average_the_wrong_way_round_it_is_said_how_far_it_goes():
    """One that never moves goes no such way: nothing is said of it."""
    problem = TrainingProblem(0, optimizer("sgd", learning_rate=0.1), 2, 3, 0)
    found = Refutation("it is off", assertion="False", leaf="target/head/bias", step=1)

    swapped, still = (
        cause_of(BY_ID["copies-follow"], subject, [run(subject, problem)], found)
        for subject in (
            copies_left_behind.average_the_wrong_way_round,
            copies_left_behind.following(0.01, lambda params, target: target),
        )
    )

    assert swapped.text.startswith("it goes 0.99 of the way, and has to leave as much")
    assert still is None


def with_target_among_the_parameters(seed, batch, optimizer):
    """Hand the optimizer a target network, too: it has no gradient, but decays."""
    params = linen_recipe.creating(linen_recipe.Layers())(seed, batch, optimizer).params
    params |= {"target": params["head"]}
    return TrainState.create(apply_fn=linen_recipe.Layers().apply, params=params, tx=optimizer)


def following(old, new):
    """Let the target go half of the way."""
    target = optax.incremental_update(new.params["head"], new.params["target"], 0.5)
    return new.replace(params=new.params | {"target": target})


def test_of_a_copy_that_the_optimizer_moves_it_is_said_so():
    """Its rate is right; a decay takes a part of it before."""
    copies = {"params/target": ("params/head", 0.5)}
    step = linen_recipe.stepping(after=following)
    subject = LinenTrainer(with_target_among_the_parameters, step, frozen=(), copies=copies)
    found = Refutation("it is off", assertion="False", leaf="params/target/kernel", step=1)

    def told(name):
        problem = TrainingProblem(0, optimizer(name, learning_rate=0.1), 2, 3, 0)
        return cause_of(BY_ID["copies-follow"], subject, [run(subject, problem)], found)

    assert told("adamw").kind == "trained copy"
    assert told("sgd") is None
