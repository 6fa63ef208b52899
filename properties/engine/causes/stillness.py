"""Why a trainable leaf never moved, or only decays: what its run shows, in words."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from ....reference.observation.decay import is_given_nothing, is_lost, moves_otherwise
from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.recorded import Recorded
from ....reference.pytrees.comparison import changes, same_value
from ....reference.pytrees.paths import Path, path_text
from ....reference.subjects.linen_trainer import LinenTrainer
from ....reference.subjects.trainer import Trainer
from .leaves import gradient_of, is_float, moves, part_of_what, update_of
from .reason import Reason, extent

#: Kinds of reasons that say themselves that no leaf moves.
_OF_ALL = ("no change", "no move")


def reasons_to_stay(subject: Any, trajectory: Trajectory, path: Path) -> Iterator[Reason]:
    """Yield why a leaf did not train in a run of a trainer or a wrapper, the surest first, and how
    many of the trainable leaves do not with it.
    """
    trajectory = _telling(subject, trajectory, path)
    steps = [step for step in trajectory.steps if path in step.trainable]
    if not steps:
        return
    staying = _staying(steps)
    decaying = frozenset(each for each in staying if any(moves(step, each) for step in steps))
    how = "decay at most" if decaying else "stay"
    if any(is_given_nothing(step, path) for step in steps):
        how = "move at most without a gradient"
    if any(is_lost(step, path) for step in steps):
        how = "become NaN or stay"
    told = extent(staying, steps[0].trainable, "trainable", how)
    for reason in _reasons(subject, trajectory, steps, path, staying, decaying):
        parts = [reason.text] if reason.kind in _OF_ALL else [reason.text, told]
        yield Reason(reason.kind, "; ".join(filter(None, parts)), reason.leaves)


def _telling(subject: Any, trajectory: Trajectory, path: Path) -> Trajectory:
    """Return a longer run in which a leaf stays, and others move or the optimizer is called at
    last, where it makes no update yet, as `MultiSteps` in its first step: until then all wait.
    """
    from ....reference.trials.longer_run import longer, run_again, stays  # here: without JAX

    waiting = not any(_moves_some(step) or _makes_updates(step) for step in trajectory.steps)
    if not waiting or not isinstance(subject, Trainer):
        return trajectory
    run = run_again(subject, longer(trajectory.problem), shared=False)
    tells = any(map(_moves_some, run.steps)) or (
        all(step.waits for step in trajectory.steps) and not all(step.waits for step in run.steps)
    )
    return run if stays(run, path) and tells else trajectory


def _makes_updates(step: Step) -> bool:
    return step.given is not None and any(np.any(each != 0) for each in step.given.updates.values())


def reason_of_deadlock(subject: Any, trajectory: Trajectory) -> Reason:
    """Say which leaves hold each other where the program puts them."""
    from ....reference.trials.deadlock import deadlocked  # here: a law book is read without JAX

    leaves = deadlocked(subject, trajectory.problem, shared=False)
    names = ", ".join(map(path_text, sorted(leaves)))
    return Reason(
        "deadlock",
        f"where the program puts {names}, no step moves any of them, and together they can lower "
        "the loss: each gets its gradient through another, as two factors do that are both zero; "
        "begin one of them with random values",
        leaves,
    )


def reason_on_any_batch(subject: Any, trajectory: Trajectory) -> Reason:
    """Say which leaves nothing but a penalty, a projection or noise moves."""
    from ....reference.trials.batch_dependence import moved_alike  # here, as above

    alike = moved_alike(subject, trajectory.problem, shared=False)
    trainable = frozenset[Path]().union(*(step.trainable for step in trajectory.steps))
    text = (
        "it moves alike on one batch and on another, to the bit, and the loss depends on it: what "
        "moves it is a penalty on the weights, a projection or noise, and no gradient of the loss "
        "reaches it, as behind `jax.lax.stop_gradient`"
    )
    told = extent(alike, trainable, "trainable", "move alike")
    return Reason("on any batch", "; ".join(filter(None, (text, told))), alike)


def reason_of_late_thaw(trajectory: Trajectory, thaw: int) -> Reason:
    """Say which leaves stay in a step from which on `frozen` lets them train."""
    before, step = trajectory.steps[thaw - 2 : thaw]
    thawed = step.trainable & before.frozen
    late = frozenset(path for path in thawed if not moves_otherwise(step, path))
    called = [recorded for recorded, calls in step.recordings if calls > 0]
    given = any(path in recorded.updates for recorded in called for path in late)
    what = "what the optimizer makes is put back" if given else "it is left out of the optimizer"
    text = (
        f"{what} for longer than `frozen` says, which counts steps from 1; or it has to name the "
        f"leaf for step {thaw}, too"
    )
    told = extent(late, thawed, "thawed", "stay")
    return Reason("late thaw", "; ".join(filter(None, (text, told))), late)


def _reasons(
    subject: Any,
    trajectory: Trajectory,
    steps: Sequence[Step],
    path: Path,
    staying: frozenset[Path],
    decaying: frozenset[Path],
) -> Iterator[Reason]:
    if _is_bare(trajectory, path):
        yield Reason(
            "array for a variable",
            "it is an array, and no variable, so that no filter finds it: `layer.kernel = array` "
            "puts the array in the place of the variable, `layer.kernel[...] = array` into it",
            frozenset(each for each in staying if _is_bare(trajectory, each)),
        )
    changed = _reason_of_change(steps, path, staying, decaying)
    if changed is not None:
        yield changed
        return
    if _is_untouched(trajectory):
        if _moves_uncompiled(subject, trajectory.problem, path):
            yield Reason(
                "in place under `jax.jit`",
                "it moves where the step is not compiled: `jax.jit` gives nothing back of what a "
                "step does in place; `nnx.jit` does",
                staying,
            )
        yield Reason("no change", _why_unchanged(subject, trajectory.problem), staying)
    given = [step.given_by_path for step in steps if step.given_by_path]
    if given:
        yield from _reasons_at_the_optimizer(steps, given, path, staying)
    elif staying == steps[0].trainable and not any(_moves_some(step) for step in steps):
        called = not all(step.waits for step in steps)
        text = "no leaf moves" if called else "no leaf moves: the optimizer is not called"
        yield Reason("no move", text, staying)


def _reason_of_change(
    steps: Sequence[Step], path: Path, staying: frozenset[Path], decaying: frozenset[Path]
) -> Reason | None:
    """Say what changes a leaf that does not train; None where it stays as it is."""
    for step in steps:
        if is_lost(step, path):
            return Reason("lost", _why_lost(step, path), staying)
    if any(is_given_nothing(step, path) for step in steps):
        return Reason(
            "moved by the optimizer alone",
            "the optimizer moves it by its own noise or decay, and gets a gradient of zero: "
            "it is behind `jax.lax.stop_gradient`, or a mask is multiplied with its gradient",
            decaying,
        )
    if decaying:
        return Reason(
            "decay alone",
            "nothing but a decay or a penalty on the weights moves it: no other gradient reaches "
            "it, as behind `jax.lax.stop_gradient`, or a mask keeps it from the optimizer",
            decaying,
        )
    return None


def _reasons_at_the_optimizer(
    steps: Sequence[Step], given: Sequence[Recorded], path: Path, staying: frozenset[Path]
) -> Iterator[Reason]:
    """Yield why a leaf stays, by what the optimizer is given of it in all steps."""
    known = frozenset[Path]().union(*(each.gradients for each in given))
    if staying == steps[0].trainable:
        yield from _selections(steps, given, known, staying)
    pulled = frozenset(each for each in staying if _is_pulled(given, each))
    if path not in known and steps[0].strangers:
        yield Reason("part", part_of_what(steps[0]), frozenset({path}))
    elif path not in known:
        yield Reason(
            "left out",
            "the optimizer never gets the leaf: a mask, a label or a filter leaves it out",
            staying - known,
        )
    elif path not in pulled:
        yield Reason(
            "gradient of zero",
            "its gradient is zero by the time that the optimizer gets it, as behind "
            "`jax.lax.stop_gradient` or an `argmax`, or where a mask is multiplied with it",
            staying & known - pulled,
        )
    else:
        yield Reason(
            "not applied",
            "the optimizer gets its gradient: what it makes of it is not applied, or is undone",
            pulled,
        )


def _selections(
    steps: Sequence[Step],
    given: Sequence[Recorded],
    known: frozenset[Path],
    staying: frozenset[Path],
) -> Iterator[Reason]:
    """Yield what is wrong with the choice of leaves where no trainable leaf moves."""
    frozen = frozenset(filter(partial(is_float, steps[0]), steps[0].frozen))
    if any(moves(step, path) for path in frozen for step in steps):
        return  # a filter misses those; an inverted mask is told before (`inversion`)
    if not known:
        yield Reason(
            "all left out",
            "the optimizer gets no leaf, and none moves: a prefix or a rule catches all leaves, "
            "or the mask is a function where a tree is expected, which is true for all leaves"
            + ("" if frozen else ", or it is inverted"),
            staying,
        )
    elif staying <= known and not any(_is_pulled(given, path) for path in known):
        yield Reason(
            "all zeroed",
            "all gradients are zero by the time that the optimizer gets them: a prefix or a rule "
            "catches all leaves",
            staying,
        )
    elif all(_is_pulled(given, path) for path in staying):
        yield Reason(
            "all kept",
            "the optimizer gets the gradients, and no leaf moves: a prefix or a rule catches all "
            "leaves, or what the optimizer makes of the gradients is not applied",
            staying,
        )


def _why_lost(step: Step, path: Path) -> str:
    gradient, update = gradient_of(step, path), update_of(step, path)
    if gradient is None or update is None:
        return "the loss is finite, and the update is not"
    if not np.isfinite(gradient.astype(float)).all():
        return "the loss is finite, and its gradient is not, as that of `sqrt` or a norm at zero"
    if not np.isfinite(update.astype(float)).all():
        return "its gradient is finite, and what the optimizer makes of it is not"
    return "what the optimizer makes of its gradient is finite, and what becomes of that is not"


def _staying(steps: Sequence[Step]) -> frozenset[Path]:
    """Return the leaves that are trainable in the first step, and at most decay in any."""
    return frozenset(
        path
        for path in steps[0].trainable
        if not any(moves_otherwise(step, path) for step in steps)
    )


def _moves_some(step: Step) -> bool:
    """Tell whether a step changes the value of any parameter."""
    return any(moves(step, path) for path in step.before.params)


def _is_pulled(given: Sequence[Recorded], path: Path) -> bool:
    """Tell whether the optimizer gets a gradient of a leaf that is not zero."""
    return any(np.any(each.gradients[path] != 0) for each in given if path in each.gradients)


def _is_bare(trajectory: Trajectory, path: Path) -> bool:
    """Tell whether a leaf is an array among variables of NNX."""
    leaves = trajectory.first.params
    return leaves[path].kind is None and any(leaf.kind for leaf in leaves.values())


def _is_untouched(trajectory: Trajectory) -> bool:
    """Tell whether no step changed anything that can be seen."""
    return all(map(_changes_nothing, trajectory.steps))


def _changes_nothing(step: Step) -> bool:
    before, after = step.before.rest, step.after.rest
    if before is None or after is None or before.keys() != after.keys():
        return False
    return not changes(before, after, before.keys(), "value")


def _why_unchanged(subject: Any, problem: Any) -> str:
    if _returns_what_it_got(subject, problem):
        return "no leaf moves: `train_step` returns the state that it got"
    return "no leaf moves: the step changes nothing of what the training carries"


def _returns_what_it_got(subject: Any, problem: Any) -> bool:
    """Tell whether a step returns the very arrays that it got, which a compiled one copies."""
    if not isinstance(subject, LinenTrainer):
        return False
    try:
        with jax.disable_jit():
            batch = problem.batch(1)
            training = subject.begin(problem.seed, batch, problem.optimizer.transformation)
            got = jax.tree.leaves(training.everything())
            training.step(batch)
            returned = jax.tree.leaves(training.everything())
    except (Exception, SystemExit):  # a step may run compiled alone
        return False
    return len(got) == len(returned) and all(map(operator.is_, got, returned))


def _moves_uncompiled(subject: Any, problem: Any, path: Path) -> bool:
    """Tell whether a leaf moves where the step is run operation by operation."""
    from ....reference.observation.run import run  # here: a law book is read without JAX

    with jax.disable_jit():
        other = run(subject, problem)
    if other.raised is not None or not other.steps:
        return False
    first, last = other.first.params, other.last.params
    return path in last and not same_value(first[path].array, last[path].array)
