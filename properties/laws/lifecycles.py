"""The law book, lifecycles: freezing, training, saving and restoring in any order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.optimizers.recorded import without_recorder
from ...reference.problems.actions import CHANGE
from ...reference.pytrees.comparison import Change, changes, same_bits
from ...reference.pytrees.dtypes import is_float
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Snapshot
from ...reference.subjects.capability import Capability
from ...strategies.problems import lifecycles as lifecycle
from ...strategies.problems import trainings as training
from ...strategies.problems.kept_optimizers import single_under
from .law import Inconclusive, Law, SubjectRaised, label, refute
from .requirements.agreement import (
    given_the_same,
    require_agreement,
    require_close,
    require_runs,
)
from .requirements.endings import assertion_of, ending
from .requirements.training_law import (
    number,
    recorder_needed,
    require_complete,
    require_kept,
    training_law,
)
from .surrounding_state import belonging

STATE_KEPT = "the optimizer's state has grown before the freeze"


@training_law(
    "lifecycle",
    guarantee="value",
    needs=Capability.REFREEZE,
    draws=lifecycle.lived,
    meaning="The frozen set is not part of the state: a restore brings back the weights alone, or "
    "a refreeze knows only the leaves it was written for.",
)
def frozen_leaves_live_on(trajectory: Trajectory) -> None:
    """A frozen leaf has not moved since it was frozen, after any sequence of actions: freeze the
    subject's leaves, the others, all or none, train, change the optimizer, save, restore.
    """
    label("a restore after a save", _restored(trajectory.problem.actions))
    label("a change of optimizer", CHANGE in trajectory.problem.actions)
    require_kept(trajectory, "value")
    steps = iter(trajectory.steps)
    # The values that the next step must find, and how a script has them.
    expected = trajectory.first.params, "before[0][0]"
    saved = None
    for action in trajectory.problem.actions:
        if action == "save":
            saved = expected
        elif action == "restore" and saved is not None:
            expected = saved
        elif action == "step":
            step = next(steps)
            _require_found(step, *expected)
            expected = step.after.params, f"after[0][{step.number - 1}]"


def _restored(actions: tuple[str, ...]) -> bool:
    return "save" in actions and "restore" in actions[actions.index("save") :]


def _require_found(step: Step, expected: Snapshot, place: str) -> None:
    """Require frozen leaves to hold before a step what they held after the last, or when saved."""
    for change in changes(expected, step.before.params, step.frozen, "value"):
        name = path_text(change.path)
        found = f"before[0][{step.number - 1}].get({name!r})"
        refute(
            f"{name}: frozen leaf changed between two steps, before step {step.number}: "
            f"{change.describe()}",
            assertion=f"same_value({place}.get({name!r}), {found})",
            leaf=name,
            step=step.number,
        )


@training_law(
    "restored-equals-saved",
    share=0.3,
    guarantee="value",
    needs=Capability.TRAINER,
    draws=lifecycle.checkpointed,
    judges_malformed=True,
    meaning="Part of the training is left out of the checkpoint, or is outside its state, such as "
    "weights in a closure or momentum in a global, or comes into its state only with the first "
    "steps. A checkpoint loses the one, and does not fit the other.",
)
def restored_states_equal_saved_ones(plain: Trajectory, restored: Trajectory) -> None:
    """A state that the program's own `save` and `load`, or else Orbax, save and restore into a
    training begun anew equals the saved one, parameters bit for bit, and takes the same next step.
    A training begun anew has the structure of a saved one.
    """
    # Here: a law book is read without JAX.
    from ...reference.observation.checkpoint import (
        CheckpointRaised,
        DoesNotFit,
        NotCheckpointable,
    )

    require_complete(plain)
    if isinstance(restored.raised, NotCheckpointable):
        raise Inconclusive(f"{restored.raised}; give `save=` and `load=`", subject=True)
    if isinstance(restored.raised, DoesNotFit):
        _refute_structure(restored.raised, len(restored.steps))
    if isinstance(restored.raised, CheckpointRaised):
        cause = restored.raised.__cause__ or restored.raised
        ended = ending(cause)
        message = f"{restored.raised} {ended}, after step {len(restored.steps)}"
        raise SubjectRaised(message, assertion=assertion_of(cause), raised=ended)
    require_runs(plain, restored)
    *_, last, resumed = restored.steps
    for path in sorted(last.after.params.keys() | resumed.before.params.keys()):
        _require_restored(last.after.params, resumed.before.params, path, last.number)
    if last.after.rest is not None and resumed.before.rest is not None:
        for path in sorted(last.after.rest.keys() | resumed.before.rest.keys()):
            if without_recorder(path) == tuple(s for s in path if s != "frostproof_inner"):
                _require_carried(last.after.rest, resumed.before.rest, path, last.number)
    _require_resumed(plain.steps[-1], resumed)


def _refute_structure(differing: Any, steps: int) -> NoReturn:
    """Say which leaf a training that begins anew has, and a saved one has not, or the reverse."""
    after = f"after {steps} step{'s' * (steps > 1)}"
    if differing.missing:
        name = path_text(without_recorder(differing.missing[0]))
        said = f"is in the state of a training that begins, and no longer {after}"
    else:
        name = path_text(without_recorder(differing.added[0]))
        said = f"is in the state {after}, and not in that of a training that begins"
    refute(
        f"{name}: {said}: a checkpoint cannot be restored into it",
        assertion="False",
        leaf=name,
        step=steps,
    )


def _require_restored(saved: Snapshot, restored: Snapshot, path: Path, number: int) -> None:
    for change in changes(saved, restored, [path], "bits"):
        name = path_text(path)
        pair = f"after[1][{number - 1}].get({name!r}), before[1][{number}].get({name!r})"
        _refute_restored(name, change, f"same_bits({pair})")


def _require_carried(saved: Snapshot, restored: Snapshot, path: Path, number: int) -> None:
    """Require the rest of the state, such as counters and keys, to have the same values.

    Orbax may turn a Python number into an array.
    """
    from ...reference.observation.checkpoint import TRANSIENT  # here: it is read without JAX

    one, two = saved.get(path), restored.get(path)
    if one and two and (same_bits(one.array, two.array) or np.array_equal(one.array, two.array)):
        return
    if any(leaf is not None and leaf.kind in TRANSIENT for leaf in (one, two)):
        return
    name = path_text(without_recorder(path))
    pair = f"carried[1][{number - 1}].get({name!r}), restored.get({name!r})"
    change = next(iter(changes(saved, restored, [path], "bits")))
    _refute_restored(name, change, f"np.array_equal({pair})")


def _refute_restored(name: str, change: Change, assertion: str) -> NoReturn:
    refute(
        f"{name}: the restored leaf differs from the saved one: {change.describe()}",
        assertion=assertion,
        leaf=name,
    )


def _require_resumed(plain: Step, resumed: Step) -> None:
    """Require the step after the checkpoint to be the step that was taken without it.

    They need not agree to the bit: restored arrays are committed to their device, and XLA compiles
    another program for those.
    """
    for path in sorted(plain.before.params.keys() & resumed.before.params.keys()):
        before, after = (m.params[path].array for m in (plain.before, plain.after))
        if is_float(before.dtype) and before.shape == after.shape:
            length = np.abs(after.astype(np.float64) - before.astype(np.float64)).max(initial=0)
            require_close(plain, resumed, path, float(length), (0, 1), "from the checkpoint")


@training_law(
    "refreezing-keeps-bits",
    guarantee="bits",
    needs=Capability.REFREEZE,
    draws=lifecycle.refrozen_specially,
    meaning="To freeze or unfreeze computes each leaf anew: `p + 0`, `p * mask`, or a leaf whose "
    "gradient is stopped and added again. Ordinary weights survive that; −0 and inf do not.",
)
def what_is_frozen_changes_no_leaf(trajectory: Trajectory) -> None:
    """To change what is frozen changes no leaf: not one bit of −0, subnormals, NaN payloads and
    infinities either.
    """
    first, second = trajectory.steps
    for change in changes(first.after.params, second.before.params, first.after.params, "bits"):
        name = path_text(change.path)
        refute(
            f"{name}: leaf changed as other leaves were frozen: {change.describe()}",
            assertion=f"same_bits(after[0][0].get({name!r}), before[0][1].get({name!r}))",
            leaf=name,
            step=2,
        )


@training_law(
    "freezing-spares-the-rest",
    guarantee="selected",
    needs=Capability.REFREEZE & Capability.OPTIMIZER,
    draws=single_under(lifecycle.is_apart),
    varies=lifecycle.frozen_on_the_way,
    evidence={STATE_KEPT: 0.2},
    meaning="To freeze makes the optimizer anew: momentum, moments and schedules of what goes on "
    "training start again. Keep the state, or carry over what belongs to these leaves.",
)
def what_goes_on_training_keeps_its_state(frozen: Trajectory, plain: Trajectory) -> None:
    """Leaves that go on training, while others are frozen after some steps, take the step that they
    would have taken without the freeze, if the optimizer's state keeps its structure.
    """
    require_runs(frozen, plain)
    place = next(index for index, step in enumerate(frozen.steps) if step.frozen)
    last, first = frozen.steps[place - 1], frozen.steps[place]
    before, after = last.after.opt_state, first.before.opt_state
    if before is None or after is None:
        recorder_needed(first)
        return
    if before.keys() != after.keys():
        reason = "a freeze makes an optimizer of another structure: what it keeps is not compared"
        raise Inconclusive(reason, subject=True)
    without = plain.steps[place]
    label(STATE_KEPT, _has_grown(last) and given_the_same(frozen, first, without))
    ran = replace(frozen, steps=[first]), replace(plain, steps=[without])
    require_agreement(ran, other="without the freeze")


def _has_grown(step: Step) -> bool:
    """Tell whether the optimizer's state holds more of some trainable leaf than zeros."""
    if step.given is None:
        return False
    return any(
        leaf.any() for path, leaf in step.given.inner.items() if is_float(leaf.dtype) and leaf.ndim
    )


SKIPPED = "a step is skipped"


@training_law(
    "skipped-steps-change-nothing",
    guarantee="selected",
    needs=Capability.SKIPS,
    draws=training.with_bad_batches,
    evidence={SKIPPED: 0.1},
    meaning="The step is skipped for the parameters alone: gradients are set to zero, and momentum "
    "or a decay moves them; or the optimizer counts, averages move, and statistics take in a NaN.",
)
def skipped_steps_change_nothing(trajectory: Trajectory) -> None:
    """A step that `skips=` tells to skip changes no parameter, no statistic, nothing in the state
    of the optimizer that the program was handed, and nothing else that belongs to a parameter. The
    program's own counters and scales may change.
    """
    for step in trajectory.steps:
        if not step.skipped:
            continue
        label(SKIPPED)
        now, index = step.before, step.number - 1
        _require_held(step, "parameter", f"after[0][{index}]", now.params, step.after.params)
        if now.rest is not None and step.after.rest is not None:
            owned = {path for path, _ in belonging(now.rest, now.params)}
            owned |= {path for path in now.rest if _is_handed(path)}
            kept = Snapshot({path: now.rest[path] for path in sorted(owned)}, "")
            _require_held(step, "state", f"carried[0][{index}]", kept, step.after.rest)
        if now.model_state is not None and step.after.model_state is not None:
            place = f"statistics[0][{step.number}]"
            _require_held(step, "statistic", place, now.model_state, step.after.model_state)


def _is_handed(path: Path) -> bool:
    """Tell whether a leaf is of the state of the optimizer that the program was handed."""
    return "frostproof_inner" in path and without_recorder(path) == tuple(
        name for name in path if name != "frostproof_inner"
    )


def _require_held(step: Step, kind: str, place: str, before: Snapshot, after: Snapshot) -> None:
    """Require leaves to have the same values after a step as before it."""
    for change in changes(before, after, before, "value"):
        name, index = path_text(without_recorder(change.path)), change.index or ()
        value = str(before[change.path].array[index]) if change.before is not None else "nan"
        refute(
            f"{name}: {kind} changed at step {step.number}, which was to be skipped: "
            f"{change.describe()}, under {step.optimizer}",
            assertion=f"np.array_equal({place}[{name!r}][{index}], "
            f"float({value!r}), equal_nan=True)",
            leaf=name,
            step=step.number,
            before=number(change.before),
            after=number(change.after),
            ulps=change.ulps,
            optimizer=str(step.optimizer),
        )


LAWS: tuple[Law, ...] = (
    frozen_leaves_live_on,
    restored_states_equal_saved_ones,
    what_is_frozen_changes_no_leaf,
    what_goes_on_training_keeps_its_state,
    skipped_steps_change_nothing,
)
