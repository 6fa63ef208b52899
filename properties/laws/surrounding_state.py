"""The law book, surrounding state: optimizer state, statistics and copies of frozen leaves stay."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, NoReturn

import numpy as np

from ...reference.observation.aliases import may_lie_elsewhere
from ...reference.observation.trajectory import Step, Trajectory
from ...reference.pytrees.comparison import changes, same_bits, same_value
from ...reference.pytrees.dtypes import is_float
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Leaf
from ...reference.subjects.capability import Capability
from ...reference.subjects.moment import Moment
from ...strategies.problems import trainings as training
from .law import Inconclusive, refute
from .requirements import averages
from .requirements.layers import NAMELESS, frozen_statistics, moves_nameless_ones
from .requirements.training_law import training_law

Leaves = Mapping[Path, Leaf]

#: The entries that the engine's recorder, and not the subject, adds to the optimizer's state.
_RECORDER = {"frostproof_gradients", "frostproof_params", "frostproof_updates"}
#: The entry below which it keeps the state of the optimizer.
_INNER = "frostproof_inner"


@training_law(
    "frozen-optimizer-state",
    guarantee="inert",
    decisive=True,
    needs=Capability.OPT_STATE,
    draws=training.single,
    meaning="The optimizer sees the gradients of frozen leaves and accumulates them: that costs "
    "memory, and after an unfreeze its moments are out of date.",
)
def optimizer_state_of_frozen_leaves_stays_zero(trajectory: Trajectory) -> None:
    """Optimizer state that belongs to a frozen leaf does not exist, stays zero from a fresh start,
    or, where the leaf trained before, stays as it is or is made anew. Counters and schedules belong
    to no leaf.
    """
    unknown = False
    trained: frozenset[Path] = frozenset()
    for step in trajectory.steps:
        before, after = step.before.opt_state, step.after.opt_state
        if before is None or after is None:
            raise Inconclusive(
                "the optimizer's state cannot be seen: add `opt_state=`", subject=True
            )
        owners, strangers = owners_of(after, step)
        unknown = unknown or bool(changes(before, after, strangers & before.keys(), "value"))
        for path, owner in owners:
            if owner not in step.frozen or path not in before:
                continue
            index, name, kind = step.number - 1, _shown(path), "optimizer state"
            stays = same_value(before[path].array, after[path].array)
            if owner in trained and not stays and not _is_anew(trajectory, path, after[path]):
                expected = f"{_largest(before[path]):.6g} as before"
                pair = f"states[0][{index - 1}].get({name!r}), states[0][{index}].get({name!r})"
                same = f"same_value({pair})"
                _refute_state(trajectory, step, path, after[path], kind, expected, same)
            if after[path].array.any() and not before[path].array.any():
                zeros = f"not states[0][{index}].get({name!r}, np.zeros(1)).any()"
                _refute_state(trajectory, step, path, after[path], kind, "zeros", zeros)
        trained |= step.trainable
    if unknown:  # and not its name, since reasons are counted: each optimizer has another
        reason = (
            "what moves in the optimizer's state has no name that only one parameter can have, and "
            "the shape of a frozen leaf or of an array with one in it: nobody can tell whose it is"
        )
        if not trajectory.steps[0].recordings:
            reason += "; let `opt_state=` show it under the names of the parameters"
        raise Inconclusive(reason, subject=True)


def _is_anew(trajectory: Trajectory, path: Path, leaf: Leaf) -> bool:
    """Tell whether a leaf of an optimizer's state is as it was before the first step."""
    begun = trajectory.first.opt_state
    return begun is not None and path in begun and same_value(begun[path].array, leaf.array)


@training_law(
    "frozen-layer-state",
    guarantee="inert",
    needs=Capability.MODEL_STATE,
    draws=training.with_statistics,
    meaning="BatchNorm of a frozen layer still runs in training mode: its running mean and "
    "variance move, and the frozen layer computes something else.",
)
def statistics_of_frozen_layers_stay(trajectory: Trajectory) -> None:
    """Statistics of a frozen layer, such as running means, and statistics that `frozen` names, keep
    their values.
    """
    found = nameless = False
    for step in trajectory.steps:
        if step.before.model_state is None or step.after.model_state is None:
            raise Inconclusive("the model has no statistics of layers", subject=True)
        before, after = step.model_state
        frozen = frozen_statistics(step)
        found = found or bool(frozen)
        nameless = nameless or moves_nameless_ones(step)
        for change in changes(before, after, frozen, "value"):
            name, index = path_text(change.path), step.number - 1
            named = change.path in step.frozen_statistics
            refute(
                f"{name}: {'frozen statistic' if named else 'a statistic of a frozen layer'} "
                f"moved at step {step.number}: {change.describe()}",
                assertion=f"same_value(statistics[0][{index}].get({name!r}), "
                f"statistics[0][{step.number}].get({name!r}))",
                leaf=name,
                step=step.number,
            )
    if nameless:
        raise Inconclusive(NAMELESS, subject=True)
    if not found:
        raise Inconclusive("no frozen layer has statistics", subject=True)


@training_law(
    "frozen-copies",
    guarantee="inert",
    draws=training.single,
    meaning="The weights of an average do not sum to 1; or d·a + (1 − d)·p rounds in 16 bits, and "
    "the copy drifts until it sticks, though a equals p: average in float32, or add d·(p − a).",
)
def copies_of_frozen_leaves_equal_them(trajectory: Trajectory) -> None:
    """A copy of a frozen leaf, such as a moving average or lookahead's slow weights, that equals
    the leaf at the start equals it after every step, in the copy's dtype. One of 32 bits may be off
    by what the roundings of an average add up to.
    """
    found = False
    later = [_carried(step.after) for step in trajectory.steps]
    for path, owner in _copies(trajectory, later):
        for step, carried in zip(trajectory.steps, later, strict=True):
            if owner not in step.frozen:
                break  # an average is behind a leaf that has trained
            found = True
            copy, leaf = carried[path], step.after.params[owner]
            expected = leaf.array.astype(copy.array.dtype)
            updates = max(step.number, sum(each.count for each, _ in step.recordings))
            if not _is_copy(copy.array, expected, updates):
                _refute_copy(trajectory, step, path, owner, updates)
    if not found:
        raise Inconclusive("the program keeps no copies of frozen leaves", subject=True)


def _is_copy(copy: np.ndarray, leaf: np.ndarray, updates: int) -> bool:
    if same_value(copy, leaf):
        return True
    with np.errstate(invalid="ignore"):
        off = np.abs(copy.astype(np.float64) - leaf.astype(np.float64))
    return bool((off <= averages.allowed(copy, leaf, updates)).all())


def _refute_copy(
    trajectory: Trajectory, step: Step, path: Path, owner: Path, updates: int
) -> NoReturn:
    """Say by how much a copy of a frozen leaf is off, and whether it only rounds."""
    copy, leaf = _carried(step.after)[path].array, step.after.params[owner].array
    name, index, optimizer = path_text(owner), step.number - 1, trajectory.problem.optimizer
    pair = f"carried[0][{index}][{_shown(path)!r}], after[0][{index}][{name!r}]"
    moved = not same_value(leaf, trajectory.first.params[owner].array)
    if same_bits(copy, _carried(trajectory.first)[path].array):
        off = "the leaf has moved, and the copy has not"
    elif moved:
        off = "the leaf has moved, and the copy otherwise"
    else:
        off = averages.difference(copy, leaf.astype(copy.dtype), updates)
    refute(
        f"{_shown(path)}: copy of a frozen leaf is no longer {name} after step {step.number}: "
        f"{off}, under {optimizer}",
        assertion=f"same_copy({pair}, {updates})",
        leaf=_shown(path),
        step=step.number,
        optimizer=str(optimizer),
        **({"moved": name} if moved else {}),
    )


def _copies(trajectory: Trajectory, later: list[Leaves]) -> Iterator[tuple[Path, Path]]:
    """Yield leaves outside the parameters that hold the numbers of a parameter at the start."""
    params = trajectory.first.params
    carried = _carried(trajectory.first)
    for path, owner in belonging(carried, params):
        copy, leaf = carried[path].array, params[owner].array
        if path not in later[-1] or copy.size < 2 or len(np.unique(copy.astype(float))) < 2:
            continue
        prefix = path[: len(path) - len(owner)]
        # A copy is not where the parameters themselves are kept, all of them and at all times.
        if same_bits(copy, leaf.astype(copy.dtype)) and not (
            _holds_params(carried, prefix, params)
            and all(
                _holds_params(each, prefix, step.after.params)
                for each, step in zip(later, trajectory.steps, strict=True)
            )
        ):
            yield path, owner


def _holds_params(carried: Leaves, prefix: Path, params: Leaves) -> bool:
    """Tell whether a prefix leads to all the parameters themselves."""
    return all(
        (path := prefix + each) in carried and same_bits(carried[path].array, leaf.array)
        for each, leaf in params.items()
    )


def _carried(moment: Moment) -> Leaves:
    state: Leaves = moment.rest or moment.opt_state or {}
    return {path: leaf for path, leaf in state.items() if not _RECORDER & set(path)}


def belonging(state: Mapping[Path, Leaf], params: Mapping[Path, Leaf]) -> list[tuple[Path, Path]]:
    """Pair each leaf of a state with the parameter that it belongs to.

    That is the parameter of its shape whose path is the longest ending of the leaf's path.
    """
    pairs = []
    for path, leaf in state.items():
        if _RECORDER & set(path) or not is_float(leaf.array.dtype):
            continue
        endings = (path[start:] for start in range(len(path)))
        owner = next((ending for ending in endings if ending in params), None)
        if owner is not None and params[owner].array.shape == leaf.array.shape:
            pairs.append((path, owner))
    return pairs


def owners_of(
    state: Mapping[Path, Leaf], step: Step
) -> tuple[list[tuple[Path, Path]], frozenset[Path]]:
    """Pair each leaf of an optimizer's state with the parameter that it belongs to.

    An optimizer may be given the leaves under other names, such as the places of a tuple, or
    without the name of their layer: then a name is that of the parameter whose numbers it was
    given.

    Returns the pairs, and the leaves that have no known name, and the shape of a frozen parameter
    or of an array that has a frozen parameter for a part, as `optax.flatten` makes it.
    """
    params = step.before.params
    shapes = {params[path].array.shape for path in step.frozen} | _shapes_of_many(step)
    beside = functools.cache(lambda above: _Beside.of(above, state, step))
    pairs, unknown = [], set()
    for path, leaf in state.items():
        if _RECORDER & set(path) or not is_float(leaf.array.dtype):
            continue
        owners = _may_belong_to(path, step, beside)
        if len(owners) == 1:
            (owner,) = owners
            if leaf.array.ndim or not params[owner].array.ndim:  # such as Adafactor's factors
                pairs.append((path, owner))
        elif leaf.array.ndim and leaf.array.shape in shapes and not _is_of_statistic(path, step):
            unknown.add(path)
    return pairs, frozenset(unknown)


class _Beside(NamedTuple):
    """The leaves of a state below a path, such as that of `mu`."""

    #: Whether they may be named from a part of the parameters on, so that one that trains has the
    #: name of a frozen one.
    of_a_part: bool
    #: Whether all that trains is there under such names, and nothing but parameters is.
    of_all: bool

    @classmethod
    def of(cls, above: Path, state: Mapping[Path, Leaf], step: Step) -> _Beside:
        """Look at what lies below a path in the state after a step."""
        params = {path: leaf.array.shape for path, leaf in step.before.params.items()}
        shapes = {
            path[len(above) :]: leaf.array.shape
            for path, leaf in state.items()
            if path[: len(above)] == above and is_float(leaf.array.dtype)
        }
        known = {name: shapes[name] for name in shapes.keys() & params.keys()}
        # What a recorder is given tells.
        of_a_part = not step.recordings and may_lie_elsewhere(known, params)
        return cls(of_a_part, step.trainable <= shapes.keys() <= params.keys())


def _may_belong_to(path: Path, step: Step, beside: Callable[[Path], _Beside]) -> frozenset[Path]:
    """Return the parameters that a leaf of an optimizer's state may belong to: by the names that
    the optimizer was given, or, in the state of one that is not known, by those of all parameters,
    unless these may be those of a part from there on.
    """
    params, endings = step.before.params, [path[start:] for start in range(len(path) + 1)]
    if _INNER in path:
        known = [names for place, names in step.known if path[: len(place)] == place]
        for names in known:
            name = next((ending for ending in endings if ending in names), None)
            if name is not None:
                owner = names[name]
                return frozenset() if owner is None else frozenset({owner})
    named = [ending for ending in endings if ending in params]
    if not named:
        return frozenset()
    found = beside(path[: len(path) - len(named[0])])
    if named[0] in step.frozen and found.of_a_part:
        return frozenset()
    # A layer may have the name of what an optimizer keeps, such as `mu`.
    apart = {ending in step.frozen for ending in named}
    return frozenset(named[:1] if len(apart) == 1 or found.of_all else named)


def _is_of_statistic(path: Path, step: Step) -> bool:
    return any(path[start:] in step.model_state[0] for start in range(len(path)))


def _shapes_of_many(step: Step) -> set[tuple[int, ...]]:
    """Return the shapes of what the optimizer was given that may have a frozen leaf for a part, or
    is a row of more numbers than train.
    """
    if step.given is None:
        return set()
    whole = step.given.gradients.keys() - step.given.parts
    sizes = [step.before.params[path].array.size for path in step.frozen - whole]
    unknown = [step.given.gradients[name] for name in step.strangers]
    larger = [array for array in unknown if array.size >= min(sizes, default=array.size)]
    training = sum(step.before.params[path].array.size for path in step.trainable)
    given = step.given.gradients.values()
    rows = {array.shape for array in given if array.ndim == 1 and array.size > training}
    return rows | {array.shape for array in larger}


def _refute_state(
    trajectory: Trajectory,
    step: Step,
    path: Path,
    leaf: Leaf,
    what: str,
    expected: str,
    assertion: str,
) -> None:
    name, optimizer, seen = _shown(path), trajectory.problem.optimizer, _largest(leaf)
    refute(
        f"{name}: {what} of a frozen leaf is {seen:.6g} after step {step.number}, expected "
        f"{expected}, under {optimizer}",
        assertion=assertion,
        leaf=name,
        step=step.number,
        observed=seen,
        optimizer=str(optimizer),
    )


def _largest(leaf: Leaf) -> float:
    """Return the element of the largest magnitude."""
    elements = leaf.array.astype(float).ravel()
    return float(elements[np.abs(elements).argmax()])


def _shown(path: Path) -> str:
    """Show a path without the entry of the engine's recorder around the optimizer."""
    return path_text(tuple(segment for segment in path if segment != _INNER))


LAWS = (
    optimizer_state_of_frozen_leaves_stays_zero,
    statistics_of_frozen_layers_stay,
    copies_of_frozen_leaves_equal_them,
)
