"""The law book, frozen leaves: they keep norm, value and bits, whatever they hold and are given."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import numpy as np
from hypothesis import strategies as st

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.optimizers.optimizer import Optimizer
from ...reference.pytrees.comparison import Promise, changes
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Snapshot
from ...reference.subjects.capability import Capability
from ...strategies.optimizers import behind_clipping, catalogue_for_zero_gradients
from ...strategies.problems import trainings as training
from .law import Inconclusive, SubjectRaised, label, refute
from .requirements.endings import assertion_of, ending
from .requirements.training_law import (
    how_it_ended,
    number,
    require_kept,
    require_statistics_kept,
    require_trained,
    training_law,
)

_LEAK = (
    "The freeze misses a leaf (a name, a bias, another spelling of its path), or something after "
    "it moves what has no gradient: weight decay, momentum, a default of the optimizer. A "
    "statistic moves where its layer runs in training mode."
)


@training_law(
    "training-runs",
    guarantee="computes",
    decisive=True,
    draws=training.single,
    judges_malformed=True,
    meaning="An exception for some optimizer, shape or seed, or an answer whose form is not the "
    "contract's.",
)
def training_runs_to_its_end(trajectory: Trajectory) -> None:
    """Every problem is trained to its last step, without an exception."""
    if trajectory.raised is not None:
        optimizer = trajectory.problem.optimizer
        if optimizer.facts.picky:
            raise Inconclusive(f"{optimizer.name} raises on some trees")
        ended, asserted = ending(trajectory.raised), assertion_of(trajectory.raised)
        raise SubjectRaised(how_it_ended(trajectory), assertion=asserted, raised=ended)
    if trajectory.malformed:
        asserted = "callable(getattr(optimizer, 'update', None))"
        refute(how_it_ended(trajectory), assertion=asserted)


@training_law("frozen-norm", guarantee="norm", decisive=True, draws=training.single, meaning=_LEAK)
def frozen_leaves_keep_their_norms(trajectory: Trajectory) -> None:
    """After every step, each frozen leaf has exactly the norm it had, by one NumPy call on both; so
    has each statistic that `frozen` names.
    """
    _require_what_is_named_kept(trajectory, "norm")


@training_law(
    "frozen-value",
    guarantee="value",
    decisive=True,
    draws=training.single,
    budget={"more than one step": 0.4},
    meaning=_LEAK,
)
def frozen_leaves_keep_their_values(trajectory: Trajectory) -> None:
    """After every step, each frozen leaf has the values it had, and so has each statistic that
    `frozen` names.
    """
    _require_what_is_named_kept(trajectory, "value")


@training_law(
    "frozen-bits",
    guarantee="bits",
    decisive=True,
    draws=training.single,
    meaning=_LEAK + " Or it adds a zero: −0.0 + 0.0 is +0.0, and p + 0 flushes a subnormal p.",
)
def frozen_leaves_keep_their_bits(trajectory: Trajectory) -> None:
    """After every step, each frozen leaf has the bits it had, and so has each statistic that
    `frozen` names.
    """
    _require_what_is_named_kept(trajectory, "bits")


#: Why nothing is known of special weights: what they bring is nothing that `steps=` could mend.
SKIPPED = "no step trains, as where those are skipped whose loss weights of NaN make no number"


def _is_no_number(loss: float | None) -> bool:
    return loss is not None and not isfinite(loss)


@training_law(
    "frozen-special-weights",
    guarantee="bits",
    needs=Capability.WRAPPER | Capability.WITH_PARAMS,
    draws=training.with_regimes(
        weights=("special",), trees=(("two leaves",), ("two layers",), ("bfloat16",), ("float16",))
    ),
    meaning="Something adds an update to frozen leaves, even if it is zero: −0.0 becomes +0.0, and "
    "a subnormal becomes 0 (`set_to_zero` outside jit). Or an optimizer turns a half-precision "
    "leaf into NaN.",
)
def frozen_special_weights_keep_their_bits(trajectory: Trajectory) -> None:
    """After every step, each frozen leaf has the bits it had, also where it holds −0.0, subnormals,
    NaN payloads and infinities, or is of bfloat16 or float16.
    """
    if not trajectory.trained and all(_is_no_number(step.loss) for step in trajectory.steps):
        raise Inconclusive(SKIPPED, subject=True)
    require_trained(trajectory)
    require_kept(trajectory, "bits")


def _uncoupled(promised: st.SearchStrategy[Optimizer]) -> st.SearchStrategy[Optimizer]:
    return promised.filter(lambda o: not (o.facts.couples_leaves or o.facts.spreads_nan))


def _coupled(promised: st.SearchStrategy[Optimizer]) -> st.SearchStrategy[Optimizer]:
    del promised
    return behind_clipping()


_OVERFLOWING = ("inf", "nan", "huge")


@training_law(
    "frozen-under-overflow",
    guarantee="value",
    draws=training.under(_uncoupled, gradients=_OVERFLOWING),
    evidence={"not finite": 0.3},
    meaning="The gradient is multiplied by 0 instead of replaced: 0 · inf is NaN.",
)
def frozen_leaves_survive_overflow(trajectory: Trajectory) -> None:
    """Frozen leaves keep their values also when losses and gradients reach inf or NaN, under
    optimizers that look at each leaf by itself.
    """
    label("not finite", _not_finite(trajectory))
    require_kept(trajectory, "value")


@training_law(
    "frozen-under-coupled-overflow",
    guarantee="isolated",
    draws=training.under(_coupled, gradients=_OVERFLOWING),
    meaning="Gradients are zeroed before an optimizer that couples leaves, such as clipping by "
    "global norm: a NaN in one trainable gradient makes the norm NaN, and 0 · NaN is NaN.",
)
def frozen_leaves_survive_coupled_overflow(trajectory: Trajectory) -> None:
    """Frozen leaves keep their values also when losses and gradients reach inf or NaN, under
    optimizers that couple leaves by a norm of all gradients.
    """
    label("not finite", _not_finite(trajectory))
    require_kept(trajectory, "value")


def _not_finite(trajectory: Trajectory) -> bool:
    return any(
        not np.isfinite(leaf.array.astype(float)).all()
        for path, leaf in trajectory.last.params.items()
        if path in trajectory.steps[-1].trainable
    )


@training_law(
    "frozen-any-learning-rate",
    guarantee="value",
    needs=Capability.OPTIMIZER,
    draws=training.at_extreme_rates,
    meaning="A leak that is proportional to the learning rate and invisible at ordinary rates, or "
    "0 · inf where the rate overflows.",
)
def frozen_at_any_learning_rate(trajectory: Trajectory) -> None:
    """Frozen leaves keep their values at learning rates that are zero, negative, tiny or huge."""
    require_kept(trajectory, "value")


@training_law(
    "frozen-under-other-optimizers",
    guarantee="value",
    needs=Capability.OPTIMIZER,
    draws=training.under(lambda promised: catalogue_for_zero_gradients()),
    beyond=True,
    meaning="Outside the promise: this optimizer moves leaves by itself, and the technique does "
    "not hold them.",
)
def frozen_under_any_optimizer(trajectory: Trajectory) -> None:
    """Frozen leaves keep their values under every optimizer of the catalogue, promised or not."""
    require_kept(trajectory, "value")


@training_law(
    "frozen-initial",
    guarantee="value",
    needs=Capability.INITIAL,
    draws=training.as_begun,
    meaning="The checkpoint is read into other leaves, in another order, or before weights are "
    "initialised anew; or a name does not match, and what is missing is made up.",
)
def frozen_leaves_begin_as_given(trajectory: Trajectory) -> None:
    """Before the first step, each frozen leaf that `initial=` has too holds its values, in the
    leaf's own dtype.
    """
    params, given = trajectory.first.params, trajectory.initial
    known = trajectory.steps[0].frozen & given.keys()
    if not known:
        raise Inconclusive("`initial` has no frozen leaf by its name", subject=True)
    for path in sorted(known):
        expected, leaf = given[path].array, params[path].array
        if expected.shape == leaf.shape:
            expected = expected.astype(leaf.dtype)
        wanted = Snapshot({path: replace(given[path], array=expected)}, "")
        for change in changes(wanted, params, [path], "value"):
            name, place = path_text(path), change.index or ()
            seen = f"before[0][0][{name!r}]"
            refute(
                f"{name}: frozen leaf begins with other values than those of `initial`: "
                f"{change.describe()}",
                assertion=f"{seen}.shape == {expected.shape} and np.array_equal({seen}[{place}], "
                f"float({str(expected[place])!r}), equal_nan=True)",
                leaf=name,
                before=number(change.before),
                after=number(change.after),
                ulps=change.ulps,
            )


@training_law(
    "frozen-structure",
    guarantee="selected",
    decisive=True,
    draws=training.with_regimes(
        trees=(("two layers",), ("sequences",), ("bfloat16",), ("float16",), ("scalar",))
    ),
    meaning="A step rebuilds the tree, and drops a leaf, casts it, or gives it another variable "
    "type.",
)
def structure_stays(trajectory: Trajectory) -> None:
    """The parameters keep their tree, their shapes, their dtypes and their variable types."""
    for step in trajectory.steps:
        before, after = step.before.params, step.after.params
        for path in sorted(set(before) | set(after)):
            now, then = after.get(path), before.get(path)
            if now is None or then is None:
                _refute_structure(step, path, "appeared" if then is None else "vanished")
            elif now.array.dtype != then.array.dtype or now.array.shape != then.array.shape:
                old = f"{then.array.dtype.name}{then.array.shape}"
                _refute_structure(step, path, f"{old} → {now.array.dtype.name}{now.array.shape}")
            elif now.kind != then.kind:
                _refute_structure(step, path, f"{then.kind} → {now.kind}")
        if before.structure != after.structure and list(before) != list(after):
            _refute_structure(step, (), "the order of leaves changed")


def _refute_structure(step: Step, path: Path, what: str) -> None:
    name, index = path_text(path), step.number - 1
    refute(
        f"{name}: the tree changed at step {step.number}: {what}",
        assertion=f"same_form(before[0][{index}].get({name!r}), after[0][{index}].get({name!r}))",
        leaf=name,
        step=step.number,
        observed=what,
    )


def _require_what_is_named_kept(trajectory: Trajectory, promise: Promise) -> None:
    label_freeze(trajectory)
    require_trained(trajectory)
    require_kept(trajectory, promise)
    require_statistics_kept(trajectory, promise)


def label_freeze(trajectory: Trajectory) -> None:
    """Count the features of an example that exercise the freeze."""
    label("more than one step", len(trajectory.steps) > 1)
    label("all leaves frozen", not trajectory.steps[0].trainable)


LAWS = (
    training_runs_to_its_end,
    frozen_leaves_keep_their_norms,
    frozen_leaves_keep_their_values,
    frozen_leaves_keep_their_bits,
    frozen_special_weights_keep_their_bits,
    frozen_leaves_survive_overflow,
    frozen_leaves_survive_coupled_overflow,
    frozen_at_any_learning_rate,
    frozen_under_any_optimizer,
    frozen_leaves_begin_as_given,
    structure_stays,
)
