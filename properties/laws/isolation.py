"""The law book, isolation: trainable leaves train as if the frozen part were a constant."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import numpy as np

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.problems.training_problem import TrainingProblem
from ...reference.pytrees.comparison import same_bits
from ...reference.pytrees.paths import Path, path_text
from ...reference.subjects.capability import Capability
from ...strategies.problems import trainings as training
from ...strategies.problems import variations
from ...strategies.problems.kept_optimizers import kept_under, single_under
from .law import Inconclusive, label, refute
from .requirements.behind_the_optimizer import (
    Moved,
    has_rate_of_its_own,
    is_changed,
    moves_as_it_is,
    share_a_rate_of_each_step,
)
from .requirements.training_law import NO_UPDATE, gradients_needed, moved, training_law


def _is_placeless(optimizer: Any) -> bool:
    """Leave out optimizers whose noise depends on the place of a leaf, which changes here."""
    return not optimizer.facts.stochastic


@training_law(
    "trains-as-if-alone",
    guarantee="isolated",
    decisive=True,
    needs=Capability.OPTIMIZER,
    draws=single_under(_is_placeless),
    varies=kept_under(_is_placeless),
    evidence={"trainable leaves beside frozen ones": 0.3},
    meaning="The optimizer sees the frozen gradients and couples them with the others, by a norm "
    "or a count. Or updates are applied twice, or a step late.",
)
def trains_as_if_alone(trajectory: Trajectory) -> None:
    """The same optimizer, replayed on the trainable leaves alone with the gradients it was given,
    makes the same leaves, within the bound on rounding.
    """
    paths = trajectory.steps[0].trainable
    # Of a frozen set that depends on the step, its first phase: what a leaf collects while it is
    # frozen shows when it trains.
    first = list(takewhile(lambda step: step.trainable == paths, trajectory.steps))
    # Where gradients are accumulated, most steps call no optimizer, and move nothing.
    steps = [step for step in first if not (step.waits and _rests(step))]
    if not steps:
        raise Inconclusive(NO_UPDATE, subject=True)
    for step in steps:
        given = gradients_needed(step)
        if not all(np.isfinite(given[path].astype(float)).all() for path in paths):
            raise Inconclusive("a gradient is not finite", subject=True)
    label("trainable leaves beside frozen ones", bool(paths and trajectory.steps[0].frozen))
    optimizer = trajectory.problem.optimizer.transformation
    alone = _alone(optimizer, steps, nudged=False)
    if not all(each.is_close for moves in alone.values() for each in moves):
        alone = _alone(optimizer, steps, nudged=True)
    # The update of a normalised leaf is added to what its layer made of it.
    if paths and paths <= trajectory.steps[0].normalised:
        raise Inconclusive("its layer normalises each leaf that trains", subject=True)
    trained = {path: alone[path] for path in sorted(paths - trajectory.steps[0].normalised)}
    _require_alone(trajectory, trained)


def _require_alone(trajectory: Trajectory, trained: Mapping[Path, list[Moved]]) -> None:
    """Require leaves to become what the optimizer makes of them alone, at their own rate or of
    the step; raises `Inconclusive` where the step makes something else of that.
    """
    among_others = any(map(moves_as_it_is, trained.values()))
    changed = False
    for moves in trained.values():
        if all(move.is_close for move in moves):
            continue
        if has_rate_of_its_own(moves, among_others=among_others):
            continue
        if not _is_coupled(trajectory) and share_a_rate_of_each_step(trained.values()):
            raise Inconclusive(_SCHEDULED, subject=True)
        if is_changed(moves, trained.values(), among_others=among_others):
            changed = True
            continue
        for move in moves:
            close = (move.after, move.expected, move.bound)
            _require_close(trajectory, move.step, move.path, *close)
    if changed:
        raise Inconclusive(_CHANGED, subject=True)


def _alone(optimizer: Any, steps: list[Step], *, nudged: bool) -> dict[Path, list[Moved]]:
    """Return by leaf what the optimizer makes of the trainable leaves alone, step by step."""
    from ...reference.oracles.isolated_replay import replay  # here: a law book is read without JAX

    paths = steps[0].trainable
    alone: dict[Path, list[Moved]] = {path: [] for path in sorted(paths)}
    for group in steps[0].given.groups if steps[0].given else ():
        for step, expected, bound in replay(optimizer, steps, paths & group, nudged=nudged):
            for path in sorted(paths & group):
                alone[path].append(Moved(step, path, expected[path], bound[path]))
    return alone


def _rests(step: Step) -> bool:
    return not any(moved(step.before.params, step.after.params, path) for path in step.trainable)


_SCHEDULED = (
    "all updates of a step are multiplied by a number behind the optimizer: nobody can tell "
    "whether it is that of a schedule, or depends on frozen leaves"
)
_CHANGED = (
    "the step changes what the optimizer makes of a leaf, as a projection, a decay or an average "
    "by the step does: nobody can tell whether by what is frozen"
)


def _is_coupled(trajectory: Trajectory) -> bool:
    """Tell whether the optimizer itself couples the leaves with frozen gradients."""
    couples = trajectory.problem.optimizer.facts.couples_leaves
    return couples and any(map(_is_reached, trajectory.steps))


def _require_close(
    trajectory: Trajectory,
    step: Step,
    path: Path,
    after: np.ndarray,
    expected: np.ndarray,
    bound: np.ndarray,
) -> None:
    """Require a leaf to lie within the bound; any value does where the expected is not finite."""
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(after - expected) <= bound) & np.isfinite(expected + bound)
    if not far.any():
        return
    index = tuple(int(i) for i in np.argwhere(far)[0])
    name, seen, wanted, off = path_text(path), *(float(a[index]) for a in (after, expected, bound))
    problem, place = trajectory.problem, f"[{step.number - 1}][{name!r}][{index}]"
    disturbed = _DISTURBED.get(getattr(problem, "disturbed", ""))
    if disturbed is None:
        change, otherwise = "", "as when it trains alone"
        assertion = f"abs(float(after[0]{place}) - {wanted!r}) <= {off!r}"
    else:
        at_source = isinstance(problem, TrainingProblem) and not trajectory.unseen
        where = " where they are taken" if at_source else ""
        change = f" with frozen gradients {disturbed}{where}"
        otherwise = "as without that change"
        assertion = f"abs(float(after[1]{place}) - float(after[0]{place})) <= {off!r}"
    refute(
        f"{name}: trainable leaf becomes {seen:.9g} at step {step.number}{change}, expected "
        f"{wanted:.9g} ± {off:.2g} {otherwise}, under {problem.optimizer}",
        assertion=assertion,
        leaf=name,
        step=step.number,
        observed=seen,
        expected=wanted,
        bound=off,
        optimizer=str(problem.optimizer),
    )


#: What two programs, each compiled as a whole, may differ by: part of the update, part of the leaf.
#: Of 28 accepted programs no leaf differed by a bit, in 3,550 comparisons. A leak under Adam, which
#: divides by the size of a gradient, may be as small as 2e-4 of the update.
_SAME_UPDATE, _SAME_LEAF = 1e-4, 1e-6


@training_law(
    "frozen-gradients-do-not-leak",
    guarantee="isolated",
    decisive=True,
    needs=Capability.TREE,
    draws=training.single,
    varies=variations.and_disturbed,
    meaning="Clipping by global norm or by the norm of each example, normalisation or a NaN check "
    "sees the frozen gradients: put it inside the partition, or zero the gradients before it.",
)
def frozen_gradients_do_not_leak(trajectory: Trajectory, disturbed: Trajectory) -> None:
    """Frozen gradients that are scaled, flipped, made huge or NaN where the program takes them,
    only where they are not zero, change no trainable leaf.
    """
    label("frozen gradients reach the optimizer", _is_reached(trajectory.steps[0]))
    # What was disturbed by the name of a frozen leaf may be the gradient of one that trains.
    if any(step.goes_by_other_names for step in trajectory.steps):
        # One that is disturbed may not move at all, as where its huge gradient is clipped.
        taken = disturbed.differentiated
        still = frozenset() if taken is None else trajectory.trained_besides(taken)
        if unseen := disturbed.unseen | still:
            raise _unseen(unseen)
    for step, other in zip(trajectory.steps, disturbed.steps, strict=True):
        if not _same_start(step, other) or step.frozen != trajectory.steps[0].frozen:
            break
        for path in sorted(step.trainable):
            before, plain, seen = (
                snapshot[path].array.astype(np.float64)
                for snapshot in (step.before.params, step.after.params, other.after.params)
            )
            bound = _SAME_UPDATE * np.abs(plain - before) + _SAME_LEAF * np.abs(before)
            _require_close(disturbed, other, path, seen, plain, bound)
    if disturbed.unseen:
        raise _unseen(disturbed.unseen)


def _unseen(leaves: frozenset[Path]) -> Inconclusive:
    """Say that the gradients of leaves are not seen where they are taken."""
    reason = (
        f"{path_text(min(leaves))} trains by a gradient that neither jax.grad, jax.value_and_grad "
        "nor jax.vjp was seen to take by that name, and not within another gradient: those of "
        "frozen leaves cannot be disturbed"
    )
    return Inconclusive(reason, subject=True)


def _same_start(step: Step, other: Step) -> bool:
    """Tell whether two runs are at the same place: what rounding made of the steps before may grow
    beyond any bound.
    """
    pair = step.before.params, other.before.params
    return all(same_bits(*(each[path].array for each in pair)) for path in step.trainable)


def _is_reached(step: Step) -> bool:
    """Tell whether the optimizer is given gradients of frozen leaves."""
    given = step.given
    if given is None:
        return False
    return any(given.gradients[path].any() for path in step.frozen & given.gradients.keys())


_DISTURBED = {"scaled": "scaled by 1000", "flipped": "negated", "huge": "huge", "nan": "NaN"}

LAWS = (trains_as_if_alone, frozen_gradients_do_not_leak)
