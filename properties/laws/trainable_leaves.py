"""The law book, trainable leaves: they and no others move, as the optimizer says."""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import pairwise
from typing import Any

import numpy as np

from ...reference.numerics.intervals import Interval
from ...reference.observation.decay import (
    decays,
    decays_beyond_projection,
    hardly_moves,
    is_given_a_decay,
    is_given_nothing,
    is_lost,
    moves_otherwise,
)
from ...reference.observation.trajectory import Step, Trajectory
from ...reference.optimizers.optimizer import ForeignOptimizer, Optimizer, OwnOptimizer
from ...reference.oracles.optimizer_oracles import informative, oracle_of
from ...reference.problems.training_problem import TrainingProblem
from ...reference.pytrees.comparison import same_value
from ...reference.pytrees.paths import Path, path_text
from ...reference.subjects.capability import Capability
from ...strategies.optimizers import named
from ...strategies.problems import trainings as training
from ...strategies.problems.kept_optimizers import kept_under, of_alike_names, single_preferring
from ...strategies.problems.variations import on_other_batches
from .law import Inconclusive, Refutation, label, observe, refute
from .requirements.training_law import (
    gradients_needed,
    recorder_needed,
    require_kept,
    training_law,
)

#: What a leaf does that moves from drawn weights alone.
FROM_ITS_START = "never moves from the weights that the program makes"
#: What one does that only a penalty, a projection or noise moves.
ON_ANY_BATCH = "moves alike on any batch"


def _is_still(optimizer: Any) -> bool:
    """Prefer optimizers that move a leaf at once, and only by its gradient, and unknown ones."""
    facts = optimizer.facts
    return isinstance(optimizer, ForeignOptimizer | OwnOptimizer) or not (
        facts.moves_on_zero_gradient or facts.waits
    )


def should_have_moved(subject: Any, failure: Refutation) -> bool | None:
    """Tell whether a leaf that never trained should have trained; None where it does after all.

    Raises `Inconclusive` where nothing tells.
    """
    # Here, since the book is read without JAX.
    from ...reference.trials.batch_dependence import ignores_batches
    from ...reference.trials.deadlock import is_deadlocked
    from ...reference.trials.late_thaw import is_thawed_late
    from ...reference.trials.relevance import matters

    trajectory, path = failure.facts["calls"][0], failure.facts["path"]
    if failure.facts["how"] == FROM_ITS_START:
        return is_deadlocked(subject, trajectory, path)
    if failure.facts["how"] == ON_ANY_BATCH:
        return ignores_batches(subject, trajectory, path)
    if "thaw" in failure.facts:
        return is_thawed_late(subject, trajectory, path, failure.facts["thaw"])
    should = matters(subject, trajectory, path)
    if isinstance(should, str):
        raise Inconclusive(
            f"{path_text(path)} {failure.facts['how']}, and nothing tells whether it should train: "
            f"{should}",
            subject=True,
        )
    return should


@training_law(
    "trainable-moves",
    guarantee="selected",
    decisive=True,
    draws=single_preferring(_is_still),
    varies=on_other_batches(kept_under(_is_still)),
    confirm=should_have_moved,
    meaning="The freeze catches too much: a prefix that also matches another layer, an inverted "
    "mask, swapped arguments, a `stop_gradient` behind the leaf, or an optimizer that never sees "
    "it, such as an array that was put in the place of an NNX variable.",
)
def trainable_leaves_move(trajectory: Trajectory, other: Trajectory | None = None) -> None:
    """Over the whole run, each trainable leaf that matters moves at least once, by more than a
    decay or noise of the optimizer's, and otherwise on other batches; what thaws moves in that very
    step. A leaf that becomes NaN while the loss is finite has not moved. A leaf matters if its
    gradient is not negligible, or if a perturbation of it changes the loss other than by a penalty
    on the weights.
    Leaves that can lower the loss only together move from the weights that the program makes.
    """
    trainable = frozenset().union(*(step.trainable for step in trajectory.steps))
    if not trainable:
        raise Inconclusive("nothing is left to train: all leaves are frozen")
    for path in sorted(trainable):
        _observe_move(trajectory, path)
        _observe_move_from_its_start(trajectory, path)
        if other is not None:
            _observe_batches(trajectory, other, path)
        _observe_thaw(trajectory, path)


@training_law(
    "exact-selection",
    guarantee="selected",
    draws=of_alike_names(_is_still),
    varies=kept_under(_is_still),
    confirm=should_have_moved,
    meaning="Names are compared as text: `startswith('l1')` also catches `l11`, `'l1' in path` "
    "also `head/l1`, and a mask that looks at the last entry also catches other layers.",
)
def names_are_told_apart(trajectory: Trajectory) -> None:
    """Where one name is a prefix, a suffix or a repeat of another, the frozen leaf keeps its
    values, and over the run the trainable leaf with the similar name moves.
    """
    step = trajectory.steps[0]
    alike = [path for path in sorted(step.trainable) if resembles(path, step.frozen)]
    if not alike:
        raise Inconclusive("no name of a trainable leaf resembles a frozen one", subject=True)
    require_kept(trajectory, "value")
    for path in alike:
        _observe_move(trajectory, path)


def resembles(path: Path, frozen: Iterable[Path]) -> bool:
    """Tell whether a layer's name is found in a frozen path, in a longer name, or elsewhere."""
    layers = {segment for other in frozen for segment in (other[:-1] or other)}
    own = path[:-1] or path
    return any(
        name.startswith(layer) or name.endswith(layer) or layer.startswith(name)
        for name in own
        for layer in layers
    ) and any(set(own) != set(other[:-1] or other) for other in frozen)


def _observe_move(trajectory: Trajectory, path: Path) -> None:
    """Record whether a trainable leaf moved in this example."""
    how = _how_it_stays(trajectory, path)
    observe(_event(trajectory, path), how and _stillness(trajectory, path, *how))


def _observe_move_from_its_start(trajectory: Trajectory, path: Path) -> None:
    """Record the same where the leaf has the values that the program gives it."""
    problem, how = trajectory.problem, _how_it_stays(trajectory, path)
    if isinstance(problem, TrainingProblem) and problem.weights == "initialised":
        failure = how and _stillness(trajectory, path, FROM_ITS_START, how[1])
        observe(f"{_event(trajectory, path)} from its start", failure)


def _observe_batches(trajectory: Trajectory, other: Trajectory, path: Path) -> None:
    """Record whether a leaf that moves does so otherwise on other batches."""
    optimizer = trajectory.problem.optimizer
    if isinstance(optimizer, Optimizer) and optimizer.facts.couples_leaves:
        return  # it does by the norm of all, whatever moves it
    if _how_it_stays(trajectory, path):
        return
    steps = list(zip(trajectory.steps, other.steps, strict=True))
    moved = any(
        path not in one.after.params.keys() & two.after.params.keys()
        or not same_value(one.after.params[path].array, two.after.params[path].array)
        for one, two in steps
    )
    name, last = path_text(path), len(steps) - 1
    values = (f"after[{run}][{last}][{name!r}]" for run in (0, 1))
    failure = _stillness(trajectory, path, ON_ANY_BATCH, f"not same_value({', '.join(values)})")
    observe(f"{_event(trajectory, path)} by its batches", None if moved else failure)


def _observe_thaw(trajectory: Trajectory, path: Path) -> None:
    """Record whether a leaf that was frozen moved in the very step that let it train again."""
    for frozen, step in pairwise(trajectory.steps):
        if path not in frozen.frozen or path not in step.trainable or step.waits:
            continue
        name, place = path_text(path), step.number - 1
        how = f"stays in step {step.number}, from which on `frozen` lets it train, and moves later"
        assertion = f"not same_value(before[0][{place}][{name!r}], after[0][{place}][{name!r}])"
        failure = _stillness(trajectory, path, how, assertion)
        failure.facts["thaw"] = step.number
        moves = moves_otherwise(step, path)
        event = f"{_event(trajectory, path)} at its thaw in step {step.number}"
        observe(event, None if moves else failure)


def _event(trajectory: Trajectory, path: Path) -> str:
    return f"{trajectory.structure}{path_text(path)}"


def _stillness(trajectory: Trajectory, path: Path, how: str, assertion: str) -> Refutation:
    name, steps, optimizer = path_text(path), len(trajectory.steps), trajectory.problem.optimizer
    return Refutation(
        f"{name}: trainable leaf {how}, as here in {steps} step{'s' * (steps != 1)} under "
        f"{optimizer}",
        assertion=assertion,
        leaf=name,
        path=path,
        how=how,
        optimizer=str(optimizer),
    )


def _how_it_stays(trajectory: Trajectory, path: Path) -> tuple[str, str] | None:
    """Return in words what a leaf does that does not train, and the assertion about it."""
    name, trained = path_text(path), [step for step in trajectory.steps if path in step.trainable]
    if any(moves_otherwise(step, path) for step in trained):
        return None
    for step in trained:
        number = step.number - 1
        old, new = f"before[0][{number}][{name!r}]", f"after[0][{number}][{name!r}]"
        if is_lost(step, path):
            return "becomes NaN or infinite at a finite loss", f"np.isfinite({new}).any()"
        if decays(step, path):
            return "only decays", f"not decays({old}, {new})"
        if hardly_moves(step, path):
            return "hardly moves", f"not hardly_moves({old}, {new})"
        if is_given_a_decay(step, path):
            return "only decays", f"not decays({old}, {old} + given[{number}][{name!r}])"
        if is_given_nothing(step, path):
            return "moves without a gradient", f"given[{number}][{name!r}].any()"
    old, new = f"before[0][0][{name!r}]", f"after[0][{len(trajectory.steps) - 1}][{name!r}]"
    return "never moved", f"not same_value({old}, {new})"


def _all_but_copies(step: Step) -> Set[Path]:
    return step.before.params.keys() - step.copies


def _projection(subject: Any, found: Refutation) -> str | None:
    """Excuse a projection onto a norm that is estimated step by step, as by power iteration."""
    from ...reference.trials.projection import is_projected  # here: the book is read without JAX

    (trajectory,), leaf = found.facts["calls"], found.facts["leaf"]
    trainable = frozenset().union(*(step.trainable for step in trajectory.steps))
    paths = [path for path in trainable if path_text(path) == leaf]
    if any(is_projected(subject, trajectory, path) for path in paths):
        return f"{leaf} is projected onto a norm: large weights shrink more than small ones"
    return None


@training_law(
    "zero-rate-is-identity",
    guarantee="selected",
    needs=Capability.OPTIMIZER,
    draws=training.at_rate_zero,
    excuse=_projection,
    meaning="The program itself decays the weights, whatever the rate; or something other than the "
    "optimizer moves frozen leaves.",
)
def rate_zero_keeps_and_does_not_decay(trajectory: Trajectory) -> None:
    """Under SGD and momentum at learning rate zero, from a fresh state and with finite gradients,
    no frozen leaf moves, and none that trains is multiplied by a number in step after step.
    """
    for step in trajectory.steps:
        if step.waits:
            continue
        given = recorder_needed(step)
        if not all(np.isfinite(leaf.astype(float)).all() for leaf in given.gradients.values()):
            raise Inconclusive("a gradient is not finite", subject=True)
    decaying = _decaying_again(trajectory)

    def at_rest(step: Step) -> Set[Path]:
        return (_all_but_copies(step) - step.trainable) | decaying[step.number]

    require_kept(trajectory, "value", what="leaf", leaves=at_rest)


def _decaying_again(trajectory: Trajectory) -> dict[int, set[Path]]:
    """Return by step the trainable leaves that decay, and did so before.

    Much else may move them at rate zero: clipping and other projections, noise, pruning, the first
    of the two steps of SAM, or a layer that normalises them. Of those only a projection onto a norm
    multiplies all weights by one number, and it does so once if the norm is exact.
    """
    again: dict[int, set[Path]] = {}
    before: set[Path] = set()
    for step in trajectory.steps:
        candidates = (_all_but_copies(step) & step.trainable) - step.normalised
        decaying = {path for path in candidates if decays_beyond_projection(step, path)}
        again[step.number] = decaying & before
        before |= decaying
    return again


@training_law(
    "zero-gradient-is-identity",
    guarantee="selected",
    needs=Capability.WRAPPER,
    draws=training.under(
        lambda promised: named("sgd", "momentum", "nesterov"), gradients=("zero",)
    ),
    meaning="The wrapper itself adds something: a decay, noise, or the gradient of another step.",
)
def gradient_zero_moves_nothing(trajectory: Trajectory) -> None:
    """Under SGD and momentum, zero gradients move no leaf, from a fresh state."""
    require_kept(trajectory, "value", what="leaf", leaves=_all_but_copies)


@training_law(
    "trainable-follows-oracle",
    guarantee="selected",
    needs=Capability.WRAPPER | Capability.REFERENCE,
    draws=training.under(
        lambda promised: named("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "lion")
    ),
    evidence={"the oracle says something": 0.5},
    meaning="An update is applied twice, late, to another leaf, or with another leaf's state.",
)
def trainable_leaves_follow_the_oracle(trajectory: Trajectory) -> None:
    """Under SGD, momentum, Nesterov, Adam, AdamW, RMSProp and Lion, each trainable leaf ends every
    step within the interval that an independent NumPy optimizer computes from the same gradients.
    """
    oracle = oracle_of(trajectory.problem.optimizer)
    states: dict[Path, Any] = {}
    for step in trajectory.steps:
        given = gradients_needed(step)
        for path in sorted(step.trainable):
            before, after = step.before.params[path].array, step.after.params[path].array
            if before.dtype != np.float32:
                continue
            param = Interval.of(before)
            state = states.get(path) or oracle.init(param)
            expected, states[path] = oracle.step(Interval.of(given[path]), param, state)
            label("the oracle says something", bool(informative(param, expected).any()))
            _require_inside(trajectory, step, path, expected, after)


def _require_inside(
    trajectory: Trajectory, step: Step, path: Path, expected: Interval, after: np.ndarray
) -> None:
    outside = ~expected.contains(after)
    if not outside.any():
        return
    index = tuple(int(i) for i in np.argwhere(outside)[0])
    low, high = float(expected.low[index]), float(expected.high[index])
    name, element = path_text(path), float(after[index])
    old = float(step.before.params[path].array[index])
    refute(
        f"{name}: trainable leaf left its interval at step {step.number}: {old:.9g} → "
        f"{element:.9g}, expected within [{low:.9g}, {high:.9g}], under "
        f"{trajectory.problem.optimizer}",
        assertion=f"{low!r} <= float(after[0][{step.number - 1}][{name!r}][{index}]) <= {high!r}",
        leaf=name,
        step=step.number,
        before=old,
        after=element,
        expected=[low, high],
        optimizer=str(trajectory.problem.optimizer),
    )


LAWS = (
    trainable_leaves_move,
    names_are_told_apart,
    rate_zero_keeps_and_does_not_decay,
    gradient_zero_moves_nothing,
    trainable_leaves_follow_the_oracle,
)
