"""An inverted mask is one fault, told of each law that fails by it, and of no other law."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest

from frostproof import OptaxFreeze, Optimizers, verify
from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.causes.finding import cause_of
from frostproof.properties.engine.causes.reason import NOTHING_MOVES
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.laws.law import Refutation
from frostproof.reference.corpus.specimens.recipes.linen_training_recipe import (
    Layers,
    creating,
    partitioned,
    stepping,
    trainer,
    where,
)
from frostproof.reference.corpus.specimens.trainers import nnx_models
from frostproof.reference.correct.trainers import linen_techniques, nnx_techniques
from frostproof.reference.observation.run import run
from frostproof.reference.optimizers.optimizer import optimizer
from frostproof.reference.problems.wrapper_problem import TreeProblem
from frostproof.reports.formats.faults import by_cause

TOLD = "the mask is inverted: all frozen leaves move, and no trainable one does"
INVERSION = (TOLD, "inverted")
#: In a mask of Optax's own, True is what trains.
INVERTED_WRAPPER = (TOLD + "; True in it means frozen", "inverted")
SWAP = (
    TOLD.replace("inverted", "inverted, or the turns are swapped"),
    "inverted or in swapped turns",
)


def inverted(optimizer, mask):
    """Train where the mask is True, which means frozen."""
    return optax.multi_transform({True: optimizer, False: optax.set_to_zero()}, mask)


def inverted_and_doubled(optimizer, mask):
    """Besides, whatever trains takes steps of twice the length."""
    return inverted(optax.chain(optimizer, optax.scale(2.0)), mask)


def inverted_where_all_is_ordinary(optimizer, mask):
    """Where a weight is not finite or zero, all updates are zero: −0.0 + 0.0 is +0.0."""

    def held(updates, params):
        odd = [jnp.any(~jnp.isfinite(p) | (p == 0)) for p in jax.tree.leaves(params)]
        return jax.tree.map(lambda u: jnp.where(jnp.stack(odd).any(), 0, u), updates)

    return optax.chain(inverted(optimizer, mask), optax.stateless(held))


def inverted_and_scaled_by_weights(optimizer, mask):
    """Besides, whatever the mask says, 0 · p is added to p: an infinity becomes NaN."""
    return optax.chain(
        inverted(optimizer, mask),
        optax.stateless(
            lambda updates, params: jax.tree.map(lambda u, p: u + 0 * p, updates, params)
        ),
    )


def all_frozen(optimizer, mask):
    return optax.chain(optimizer, optax.set_to_zero())


def none_frozen(optimizer, mask):
    return optimizer


def wrapper(wrap, **fields):
    return OptaxFreeze(wrap, optimizers=Optimizers("sgd", "momentum", rates=(0.1,)), **fields)


def head(path):
    """Tell whether a leaf is one that is to train."""
    return path[0].key == "head"


def in_the_optimizer(optimizer):
    return partitioned(optimizer, head)


def behind_the_optimizer(optimizer):
    def mask(params):
        return jax.tree_util.tree_map_with_path(lambda path, _: head(path), params)

    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))


SGD = {"optimizers": Optimizers("sgd", rates=(0.1,))}
ZEROED = stepping(lambda gradients: where(head, jnp.zeros_like, gradients))
TRAINERS = {
    "in the optimizer": trainer(create=creating(Layers(), in_the_optimizer), **SGD),
    "behind it": trainer(create=creating(Layers(), behind_the_optimizer), **SGD),
    "in front of it": trainer(create=creating(Layers()), step=ZEROED, **SGD),
    "in a filter of NNX": nnx_models.filter_inverted,
}


def cause(law, subject):
    """The cause of a law's counterexample, and the kind of its fault."""
    verdict = judge(BY_ID[law], subject, Effort(12, 0, shrinking=0), CallCache(), "own")
    assert verdict.outcome == "refuted"
    fault = verdict.counterexample.fault
    return verdict.counterexample.cause, fault and fault["kind"]


@pytest.mark.parametrize(
    "law",
    [
        "frozen-norm",
        "trainable-moves",
        "exact-selection",
        "freeze-nothing",
        "freeze-everything",
        "freeze-order",
        "frozen-optimizer-state",
        # Outside `jit` the opposite mask loses bits, too, but no value.
        "frozen-special-weights",
    ],
)
def test_a_law_that_fails_by_an_inverted_mask_says_so(law):
    """It holds where the wrapper is given the opposite mask."""
    assert cause(law, wrapper(inverted)) == INVERTED_WRAPPER


@pytest.mark.parametrize("law", ["frozen-value", "trainable-moves"])
@pytest.mark.parametrize("subject", TRAINERS.values(), ids=TRAINERS.keys())
def test_an_inverted_mask_of_a_trainer_is_told(subject, law):
    """By the leaves that move and by those that stay."""
    assert cause(law, subject) == INVERSION


def test_special_weights_of_an_inverted_trainer_are_of_the_same_fault():
    """Its opposite adds a zero to frozen leaves, and moves none."""
    assert cause("frozen-special-weights", TRAINERS["behind it"]) == INVERSION


@pytest.mark.parametrize(
    ("wrap", "kind"),
    [(inverted_where_all_is_ordinary, "added zero"), (inverted_and_scaled_by_weights, "the step")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_special_weights_with_another_cause_are_told_apart(wrap, kind):
    """Where bits are lost and no value, and where the opposite mask loses values, too."""
    law = "frozen-special-weights"
    row = optimizer("sgd", learning_rate=0.1)
    problem = TreeProblem("two layers", ("Dense_0/kernel",), row, 1, 0, weights="special")
    trajectory = run(wrapper(wrap), problem)
    with pytest.raises(Refutation) as found:
        BY_ID[law].check(trajectory)

    assert cause("frozen-value", wrapper(wrap)) == INVERTED_WRAPPER
    assert cause_of(BY_ID[law], wrapper(wrap), [trajectory], found.value).kind == kind


def planted(reference):
    """A reference trainer that freezes all but what it is asked to freeze."""

    def build(architecture, frozen, compiled):
        others = frozenset(architecture.leaves) - frozen
        built = reference.build(architecture, others, compiled)
        return replace(built, frozen=tuple(sorted(frozen)))

    return replace(reference, build=build)


@pytest.mark.parametrize("law", ["frozen-value", "trainable-moves"])
@pytest.mark.parametrize(
    "reference",
    [linen_techniques.gradient_zeroing, nnx_techniques.freeze_in_chain],
    ids=lambda reference: reference.name,
)
def test_an_inversion_in_a_trainer_of_any_network_is_told(reference, law):
    """It is looked for in the trainer of the problem's network and frozen leaves."""
    assert cause(law, planted(reference)) == INVERSION


def phased(frozen, held, last=None):
    """A trainer with phases that puts back what `held` says in a step, up to the last that runs."""

    def put_back(old, new):
        def choose(path, after, before):
            return jnp.where(held(new.step, path), before, after)

        chosen = jax.tree_util.tree_map_with_path(choose, new.params, old.params)
        return new.replace(params=chosen)

    step = stepping(after=put_back)

    def at_most_the_last(state, batch):
        if state.step == last:
            raise ValueError("there is no such step")
        return step(state, batch)

    return trainer(frozen, Layers(), creating(Layers()), at_most_the_last, **SGD)


def thawed_after_two(step):
    return ("body",) if step <= 2 else ()


def anew_in_each_step(step):
    return (lambda path: path[0] == "body") if step <= 2 else ()


def in_turns(step):
    return ("body",) if step % 2 else ("head",)


def in_turns_of_two(step):
    return ("body",) if (step - 1) % 4 < 2 else ("head",)


def one_after_the_other(step):
    return ("body",) if step <= 2 else ("head",)


def inverted_for_three_steps(step, path):
    return ((step <= 2) | (step > 3)) == head(path)


def inverted_in_phases(step, path):
    return head(path) | (step > 2)


def inverted_in_turns(step, path):
    return (step % 2 == 1) == head(path)


PHASES = {
    "gradual": (phased(thawed_after_two, inverted_in_phases), INVERSION),
    "by predicates": (phased(anew_in_each_step, inverted_in_phases), INVERSION),
    "in turns": (phased(in_turns, inverted_in_turns), SWAP),
}


@pytest.mark.parametrize("law", ["frozen-value", "frozen-special-weights", "trains-as-if-alone"])
@pytest.mark.parametrize(("subject", "told"), PHASES.values(), ids=PHASES.keys())
def test_an_inverted_mask_is_told_of_a_frozen_set_that_depends_on_the_step(subject, told, law):
    """In each phase all that is frozen moves, and nothing else does."""
    assert cause(law, subject) == told


def test_what_never_trains_by_an_inverted_mask_in_phases_is_of_the_same_fault():
    """The head is trainable in all phases, and stays."""
    assert cause("trainable-moves", PHASES["gradual"][0]) == INVERSION


NOT_INVERTED = {
    "nothing is held": phased(thawed_after_two, lambda step, path: False),
    "all is held at times": phased(thawed_after_two, lambda step, path: step % 2 == 0),
    "a bias moves": phased(
        thawed_after_two, lambda step, path: head(path) | (path[1].key != "bias")
    ),
    "in one phase of two": phased(thawed_after_two, lambda step, path: head(path) & (step <= 2)),
    "in the only phase that runs": phased(thawed_after_two, inverted_in_phases, last=2),
    "for three steps": phased(one_after_the_other, inverted_for_three_steps),
    "a step late": phased(in_turns_of_two, lambda step, path: ((step - 2) % 4 < 2) != head(path)),
}


@pytest.mark.parametrize("subject", NOT_INVERTED.values(), ids=NOT_INVERTED.keys())
def test_phases_that_are_wrong_in_another_way_are_no_inversion(subject):
    """Something that is to train does, in some phase, or something frozen stays."""
    _, kind = cause("frozen-value", subject)

    assert kind not in ("inverted", "inverted or in swapped turns")


@pytest.mark.parametrize("frozen", [thawed_after_two, lambda step: ()], ids=["phases", "nothing"])
def test_where_nothing_trains_in_any_phase_no_mask_is_inverted(frozen):
    """Frozen leaves stay, too, or there are none."""
    _, kind = cause("trainable-moves", phased(frozen, lambda step, path: True))

    assert kind in NOTHING_MOVES


def test_the_summary_of_swapped_turns_names_both():
    """A program that counts from 0 looks like one that negates the mask; it is one block."""
    laws = ("frozen-value", "frozen-any-learning-rate")
    report = verify(PHASES["in turns"][0], max_examples=12, seed=1, proofs=False, laws=laws)

    (group,) = by_cause([row for row in report.rows if row.fails])

    assert {row.law for row in group} == {*laws}
    (standing,) = report.standings.values()
    assert "the mask is inverted, or the turns are swapped" in standing.sentence


class LowRank(nn.Module):
    """A layer and an adapter, of which both factors start at zero: neither has a gradient."""

    @nn.compact
    def __call__(self, x):
        first = self.param("first", nn.initializers.zeros, (x.shape[1], 2))
        second = self.param("second", nn.initializers.zeros, (2, 1))
        return nn.Dense(1, name="base")(x) + x @ first @ second


def test_leaves_that_stay_by_themselves_are_not_taken_for_masked():
    """Nothing is frozen, and with other weights all moves."""
    subject = trainer(("base",), create=creating(LowRank()), **SGD)

    told, kind = cause("frozen-value", subject)

    assert kind != "inverted"
    assert "inverted" not in told


def test_what_moves_all_that_is_frozen_at_rate_zero_is_no_inverted_mask():
    """Nothing trains there, whatever the mask is."""

    def shifted(old, new):
        body = jax.tree.map(lambda leaf: leaf + 0.01, new.params["body"])
        return new.replace(params={**new.params, "body": body})

    subject = trainer(step=stepping(after=shifted), **SGD)

    told, kind = cause("zero-rate-is-identity", subject)

    assert kind != "inverted"
    assert "inverted" not in told


@pytest.mark.parametrize(
    ("law", "wrap"),
    [
        ("frozen-value", none_frozen),
        ("exact-selection", none_frozen),
        ("trainable-moves", all_frozen),
        # An opposite mask would not mend it: another fault is in the way.
        ("freeze-nothing", inverted_and_doubled),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_an_opposite_mask_does_not_mend_is_no_inversion(law, wrap):
    """It says another cause, or none."""
    told, kind = cause(law, wrapper(wrap))

    assert kind != "inverted"
    assert "inverted" not in (told or "")


def test_all_that_an_inverted_mask_breaks_is_one_block_and_the_summary_names_it():
    """Whatever leaf of whatever tree a law names."""
    subject = wrapper(inverted, promise=("selected", "bits"))
    report = verify(subject, max_examples=12, seed=1, proofs=False)
    failing = [row for row in report.rows if row.fails]

    (group,) = by_cause(failing)

    assert {
        "frozen-norm",
        "trainable-moves",
        "exact-selection",
        "freeze-nothing",
        "frozen-special-weights",
    } <= {row.law for row in group}
    (standing,) = report.standings.values()
    assert "the mask is inverted: what is to stay trains" in standing.sentence
