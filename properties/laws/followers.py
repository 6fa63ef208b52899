"""The law book, followers: statistics of trainable layers, and declared copies, follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.pytrees.comparison import same_value
from ...reference.pytrees.dtypes import is_float
from ...reference.pytrees.following import Copy
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Leaf
from ...reference.subjects.capability import Capability
from ...reference.subjects.moment import Moment
from ...strategies.problems import trainings as training
from .law import Inconclusive, Law, Refutation, label, observe, refute
from .requirements.averages import Average
from .requirements.layers import NAMELESS, layer_of, moves_nameless_ones
from .requirements.training_law import training_law


def _is_left_behind(subject: Any, failure: Refutation) -> bool | None:
    """Tell whether training does without a statistic that never moved: whoever predicts by it later
    predicts by its first value. One that training uses as it is may be meant to stay. None where it
    moves on other data.
    """
    # Here: a law book is read without JAX.
    from ...reference.observation.run import run
    from ...reference.trials.statistics_use import is_used

    (trajectory, *_), path = failure.facts["calls"], failure.facts["path"]
    problem = trajectory.problem

    def moves_again(other: int) -> bool:
        # The mean of a single normalised row is the statistic's first value.
        rows = max(problem.rows, _ROWS)
        seed, fill = problem.seed + other, problem.fill ^ other
        again = run(subject, replace(problem, seed=seed, fill=fill, rows=rows))
        return not _stays(again, path)

    if is_used(subject, trajectory, path):
        return False
    return None if any(map(moves_again, range(1, _AGAIN + 1))) else True


#: The units before a layer are dead in one run of two at most: in so many not all the time.
_AGAIN = 20
_ROWS = 4


@training_law(
    "trainable-statistics-move",
    guarantee="selected",
    needs=Capability.MODEL_STATE,
    draws=training.with_statistics,
    confirm=_is_left_behind,
    meaning="The step throws the new statistics away, or puts the old ones back with the frozen "
    "leaves: the layer is evaluated for ever as it was initialised. If they are meant to stay, "
    "name them in `frozen`.",
)
def statistics_of_trainable_layers_move(trajectory: Trajectory) -> None:
    """Over the whole run, each statistic of a trainable layer moves at least once, unless training
    uses it as it is, or it is frozen by name.
    """
    first, last = trajectory.steps[0].before.model_state, trajectory.steps[-1].after.model_state
    if first is None or last is None:
        raise Inconclusive("the model has no statistics of layers", subject=True)
    followed = [path for path in sorted(first.keys() & last.keys()) if _follows(trajectory, path)]
    if not followed and any(map(moves_nameless_ones, trajectory.steps)):
        raise Inconclusive(NAMELESS, subject=True)
    if not followed:
        raise Inconclusive("no trainable layer has statistics", subject=True)
    for path in followed:
        _observe_statistic(trajectory, path)


def _follows(trajectory: Trajectory, path: Path) -> bool:
    """Tell whether a statistic belongs to a layer whose parameters all train in some step."""
    step = trajectory.steps[0]
    assert step.before.model_state is not None, "there are statistics"
    dtype = step.before.model_state[path].array.dtype
    named = frozenset().union(*(each.frozen_statistics for each in trajectory.steps))
    if path in named or not is_float(dtype):
        return False
    layer = layer_of(path, step)
    return bool(layer) and not all(each.frozen.intersection(layer) for each in trajectory.steps)


def _observe_statistic(trajectory: Trajectory, path: Path) -> None:
    """Record whether a statistic moved in this example."""
    name, number = path_text(path), len(trajectory.steps)
    failure = Refutation(
        f"{name}: statistic of a trainable layer never moved, as here in {number} "
        f"step{'s' * (number > 1)}, and training does not use it",
        assertion=f"not same_value(statistics[0][0][{name!r}], statistics[0][{number}][{name!r}])",
        leaf=name,
        path=path,
    )
    observe(f"{trajectory.structure}{name}", failure if _stays(trajectory, path) else None)


def _stays(trajectory: Trajectory, path: Path) -> bool:
    """Tell whether a statistic has its first value in all of a run."""
    return all(
        same_value(step.before.model_state[path].array, step.after.model_state[path].array)
        for step in trajectory.steps
        if step.before.model_state and step.after.model_state
    )


WAY_TO_GO = "a copy has some way to go"
#: A way that is longer than a hundredth is seen in any dtype.
_VISIBLE = 1e-2


@training_law(
    "copies-follow",
    guarantee="selected",
    needs=Capability.COPIES,
    draws=training.single,
    evidence={WAY_TO_GO: 0.2},
    meaning="The copy is updated never, in another step, or only in part: statistics are left out, "
    "the new state is thrown away, or an average in 16 bits rounds: it stands still, or leaves "
    "what stays.",
)
def copies_follow(trajectory: Trajectory) -> None:
    """A leaf that is declared to follow another is the exact copy of it after each step, or has
    gone the declared part of the way to it, within what the roundings of all steps add up to. What
    it follows is meant as it is after the step, or, all the time, as it was before.
    """
    for copy in trajectory.copies:
        _require_following(trajectory, copy)


def _require_following(trajectory: Trajectory, copy: Copy) -> None:
    """Require a copy to be where it has to be, by what it follows after each step or before it."""
    moments = [(_carried(step.before), _carried(step.after)) for step in trajectory.steps]
    paths = (copy.path, copy.followed)
    if not all(path in leaves for pair in moments for leaves in pair for path in paths):
        raise Inconclusive("the state has other leaves after a step", subject=True)
    start, followed = (moments[0][0][path].array for path in paths)
    if not is_float(start.dtype) or start.shape != followed.shape:
        return
    # By what is followed before each step, and after it.
    possible = [(0, Average.starting(start)), (1, Average.starting(start))]
    settled = copy.settled_rate
    for step, leaves in zip(trajectory.steps, moments, strict=True):
        rate, seen = copy.rate_at(step.number), leaves[1][copy.path].array
        ways = [leaves[when][copy.followed].array for when, _ in possible]
        label(WAY_TO_GO, rate > 0 and _has_way(possible[-1][1], ways[-1]))
        pairs = zip(possible, ways, strict=True)
        moved = [
            (when, each.copied(leaf) if copy.is_exact else each.moved(leaf, rate, settled))
            for (when, each), leaf in pairs
        ]
        possible = [(when, each) for when, each in moved if each.first_off(seen) is None]
        if not possible:
            _refute_copy(trajectory, step, copy, moved[-1][1], ways[-1])


def _has_way(start: Average, followed: np.ndarray) -> bool:
    ahead = followed.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return bool((np.abs(ahead - start.value) > _VISIBLE * np.abs(ahead)).any())


def _refute_copy(
    trajectory: Trajectory, step: Step, copy: Copy, expected: Average, followed: np.ndarray
) -> NoReturn:
    """Say where a copy is, and where it has to be."""
    seen = _carried(step.after)[copy.path].array
    index = expected.first_off(seen)
    assert index is not None, "it is off"
    (name, other), rate = copy.names, copy.rate_at(step.number)
    value, bound = float(expected.value[index]), float(expected.bound[index])
    part, when = ("all", "") if rate == 1 else (f"{rate:.6g}", " in each step")
    when = f" in step {step.number}" if callable(copy.rate) else when
    way = "the exact copy of" if copy.is_exact else f"{part} of the way{when} to"
    way = f"{way} {other} ({float(followed[index]):.6g})" if rate else "where it was"
    start = _carried(trajectory.first)[copy.path].array
    stays = ", and has not moved" if start[index] == seen[index] else ""
    number = float(seen[index])
    place = f"carried[0][{step.number - 1}][{path_text(copy.path)!r}][{index}]"
    refute(
        f"{name}: copy is {number:.6g} after step {step.number}{stays}, expected {value:.6g} ± "
        f"{bound:.2g}: {way}, under {step.optimizer}",
        assertion=f"abs(float({place}) - {value!r}) <= {bound!r}",
        leaf=name,
        step=step.number,
        observed=number,
        expected=value,
        bound=bound,
        optimizer=str(step.optimizer),
    )


def _carried(moment: Moment) -> Mapping[Path, Leaf]:
    return moment.rest or {}


LAWS: tuple[Law, ...] = (statistics_of_trainable_layers_move, copies_follow)
