"""Why a frozen leaf moved: what its run and variations of the problem tell, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....reference.observation.decay import decays, is_multiple
from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.optimizer import Optimizer
from ....reference.optimizers.recorded import Recorded
from ....reference.problems.wrapper_problem import TreeProblem
from ....reference.pytrees.comparison import same_value
from ....reference.pytrees.paths import Path, named_leaves
from .leaves import (
    becomes_zeros,
    gradient_of,
    has_gradient,
    is_finite,
    is_unasked,
    moves,
    part_of_what,
    update_of,
)
from .no_gradient import got_earlier_gradients, reason_of_overflow, reason_without_gradient
from .phase_edges import reason_of_edge
from .reason import DECAY, EARLIER, Reason
from .replaced_gradients import raw_of_a_trainer, steps_without_gradients
from .reruns import calm_runs, ordinary_runs, run_under, settings_of, with_settings
from .selection import boxed, masked_decay, reaching


def moved_leaves(step: Step) -> list[Path]:
    """Return the frozen leaves whose value a step changed."""
    return [path for path in sorted(step.frozen) if moves(step, path)]


def all_moved(trajectory: Trajectory) -> frozenset[Path]:
    """Return the frozen leaves whose value some step changed."""
    return frozenset(path for step in trajectory.steps for path in moved_leaves(step))


def all_frozen(trajectory: Trajectory) -> frozenset[Path]:
    """Return the leaves that are frozen in some step."""
    return frozenset(path for step in trajectory.steps for path in step.frozen)


def reasons_to_move(
    subject: Any, trajectory: Trajectory, step: Step, path: Path
) -> Iterator[Reason]:
    """Yield what moves a frozen leaf in a step, the surest first."""
    problem = trajectory.problem
    if _is_raw(problem, step, path):
        yield Reason(
            "raw gradient",
            "the raw gradient is added to the leaf: the optimizer that is handed on leaves it out",
            frozenset(each for each in moved_leaves(step) if _is_raw(problem, step, each)),
        )
    if edge := reason_of_edge(subject, problem, path):
        yield edge
    yield from _with_ordinary_numbers(subject, trajectory, step, path)
    if raw := raw_of_a_trainer(subject, problem, step, path):
        text = f"the raw gradient is added to the leaf: {_past(step)}"
        yield Reason("raw gradient", text, raw)
    if isinstance(problem.optimizer, Optimizer) and "learning_rate" in settings_of(
        problem.optimizer
    ):
        yield from _with_settings_of_zero(subject, trajectory, problem.optimizer, path)
    if scheduled := _taken_for_a_schedule(step):
        yield Reason(
            "schedule",
            f"`inject_hyperparams` takes the function `{scheduled}` for a schedule, and calls it "
            "with the number of updates: it is one truth for all leaves; name it in `static_args`",
            all_moved(trajectory),
        )
    if step.given_by_path is not None:
        yield _by_its_gradient(subject, trajectory, step, step.given_by_path, path)
        return
    hint = _mending(subject, problem, step, path)
    if steps := steps_without_gradients(subject, problem, step, path):
        yield _by_no_gradient(trajectory, path, steps, hint)
    elif hint:
        text = "no rule seems to catch the leaf"
        yield Reason("missed", text, all_moved(trajectory), hint)


def _with_ordinary_numbers(
    subject: Any, trajectory: Trajectory, step: Step, path: Path
) -> Iterator[Reason]:
    """Yield what moves a leaf where no number is huge or worse: there more can be told. 0 · NaN is
    NaN, whatever made the NaN, and adam divides a huge gradient by infinity.
    """
    others = ordinary_runs(subject, trajectory.problem)
    if not is_finite(step, path) and not _finite_frozen(others, step, path):
        others += calm_runs(subject, trajectory.problem)
    for other in others:
        moving = next((each for each in other.steps if path in moved_leaves(each)), None)
        # With other weights than the special ones something else may move it.
        alike = other.problem.weights == trajectory.problem.weights
        if alike and moving is not None and is_finite(moving, path):
            for reason in reasons_to_move(subject, other, moving, path):
                # Of a leaf that was never given more than zeros here, something else moves it.
                if reason.kind != EARLIER or got_earlier_gradients(trajectory, step, path):
                    yield reason
    elsewhere = frozenset(
        leaf
        for other in others
        for each in other.steps
        if is_finite(each, path)
        for leaf in moved_leaves(each)
    )
    stays = _finite_frozen(others, step, path) or _was_held(trajectory, step, path)
    if stays and path not in elsewhere and _becomes_nan_of_nan(step, path):
        if gradient_of(step, path) is None:
            zeroed = steps_without_gradients(subject, trajectory.problem, step, path)
            if coupled := reason_of_overflow(zeroed, path):
                yield coupled
        yield Reason(
            "product",
            "the leaf stays where all numbers are finite: a product with 0 lets inf and NaN "
            "through, since 0 · inf is NaN; `jnp.where` and `optax.set_to_zero` do not",
            all_moved(trajectory) - elsewhere,
        )


def _finite_frozen(others: Sequence[Trajectory], step: Step, path: Path) -> bool:
    """Tell whether another run is finite in a step as late as this one, in which a leaf is frozen.
    In the first step factors that begin with zeros have no gradient, and stay.
    """
    late = (each for other in others for each in other.steps if each.number >= step.number)
    return any(path in each.frozen and is_finite(each, path) for each in late)


def _was_held(trajectory: Trajectory, step: Step, path: Path) -> bool:
    """Tell whether a leaf stayed in an earlier step in which the optimizer asked for a movement."""
    earlier = [each for each in trajectory.steps[: step.number - 1] if path in each.frozen]
    return any(not moves(each, path) and _is_asked(each, path) for each in earlier)


def _is_asked(step: Step, path: Path) -> bool:
    """Tell whether the optimizer asks for a movement of a leaf that rounding does not hide."""
    update, old = update_of(step, path), step.before.params[path].array
    return update is not None and not same_value((old + update).astype(old.dtype), old)


def _with_settings_of_zero(
    subject: Any, trajectory: Trajectory, optimizer: Optimizer, path: Path
) -> Iterator[Reason]:
    """Yield what moves a leaf if it moves at a learning rate of zero, or stays without a decay."""
    still = run_under(subject, trajectory.problem, optimizer.at_rate(0.0))
    unasked = [each for each in still if path in moved_leaves(each) and is_unasked(each, path)]
    if unasked and path in unasked[0].normalised:
        yield Reason(
            "normalised in place",
            "its layer stores the normalised weights in the leaf each time it is called, in "
            "evaluation, too, as `nnx.WeightNorm` and `nnx.SpectralNorm` do: put the layer that is "
            "inside in its place, with weights that are normalised once",
            all_moved(trajectory) & unasked[0].normalised,
        )
    if unasked:
        does = "moves the leaf: it moves"
        if becomes_zeros(unasked[0], path):
            does = "makes zeros of the leaf: it does so"
        elif decays(unasked[0], path):
            does = "scales the leaf, as a decay does: it is scaled"
        text = f"the step itself {does} at learning_rate=0, too"
        yield Reason("the step", text, frozenset({path}))
    if not settings_of(optimizer).get("weight_decay"):
        return
    undecayed = with_settings(optimizer, weight_decay=0.0)
    steps = run_under(subject, trajectory.problem, undecayed)
    moved = {each for step in steps for each in moved_leaves(step)}
    if steps and path not in moved:
        yield Reason(
            DECAY,
            "the optimizer's weight decay moves the leaf: it stays with weight_decay=0",
            all_moved(trajectory) - moved,
        )


def _past(step: Step) -> str:
    """Say how a raw gradient gets past the optimizer."""
    if step.given is not None:
        return "the optimizer that is handed over never gets it, and `optax.masked` hands it on"
    return (
        "no optimizer that is called in the step gets it, and `optax.masked` and "
        "`optax.conditionally_transform` hand on what they leave out"
    )


def _by_its_gradient(
    subject: Any, trajectory: Trajectory, step: Step, given: Recorded, path: Path
) -> Reason:
    """Return what moves a leaf by what the optimizer gets for its gradient."""
    gradient, alone = given.gradients.get(path), frozenset({path})
    if gradient is None and step.strangers:
        return Reason("part", part_of_what(step), alone)
    if gradient is None:
        text = "something else moves the leaf: the optimizer never gets it"
        return Reason("not the optimizer", text, alone)
    if _is_nan_after_zeros(trajectory, step, path):
        text = "the optimizer gets NaN for the gradient of the leaf, and got zeros before: a mask "
        text += "of 0 and 1 that is multiplied lets NaN through, or the freeze misses the leaf"
        return Reason("NaN after zeros", text, alone)
    if np.any(gradient != 0):
        if added := _added_to_zeros(subject, trajectory, step, given, path):
            return added
        text = "the optimizer gets the gradient of the leaf: the freeze misses the leaf"
        hint = _mending(subject, trajectory.problem, step, path)
        pulled = _all_pulled(trajectory)
        return Reason("missed", text, pulled, hint, whole=_are_whole(trajectory, pulled))
    return reason_without_gradient(trajectory, step, given, path)


def _added_to_zeros(
    subject: Any, trajectory: Trajectory, step: Step, given: Recorded, path: Path
) -> Reason | None:
    """Say so where the optimizer gets the same for the gradients of frozen leaves if those are
    zeros where the program takes them: then something else is in it.
    """
    steps = steps_without_gradients(subject, trajectory.problem, step, path)
    without = next((each for each in steps if each.number == step.number), None)
    if without is None or without.given_by_path is None:
        return None
    zeroed = without.given_by_path.gradients
    added = frozenset(
        each
        for each in moved_leaves(step)
        if has_gradient(step, each)
        and each in zeroed
        and same_value(given.gradients[each], zeroed[each])
    )
    if path not in added:
        return None
    what = "something that the step adds, such as noise"
    if is_multiple(step, path, given.gradients[path]):
        what = "a multiple of the weights, as of a decay that the step adds"
    text = f"what the optimizer gets for the leaf does not depend on its gradient: it is {what}; "
    text += "freeze the updates, or mask what is added, too"
    return Reason("added to zeros", text, added)


def _by_no_gradient(trajectory: Trajectory, path: Path, steps: Sequence[Step], hint: str) -> Reason:
    """Return what moves a leaf under an optimizer that is not seen, by the steps in which the
    gradients of frozen leaves are zeros.
    """
    moved = {each for step in steps for each in moved_leaves(step)}
    if path not in moved:
        pulled = all_moved(trajectory) - moved
        if _trained_before(trajectory, path):
            text = "the leaf stays where its gradient is zero in each step: what moves it may be "
            text += "that of an earlier step, in which it trains, as by momentum that is kept"
            return Reason(EARLIER, text, pulled)
        text = "the leaf's own gradient moves it: it stays where that is zero; the freeze misses it"
        return Reason("missed", text, pulled, hint, whole=_are_whole(trajectory, pulled))
    decaying = {each for step in steps for each in moved_leaves(step) if decays(step, each)}
    if path in decaying:
        scaled = {each for each in decaying if any(decays(s, each) for s in trajectory.steps)}
        pulled = all_moved(trajectory) - scaled
        if path in pulled:
            text = "the leaf's own gradient moves it, and a weight decay where that is zero: the "
            text += "freeze misses it"
            return Reason("missed", text, pulled, hint, whole=_are_whole(trajectory, pulled))
        text = "a weight decay moves the leaf: it is scaled where its gradient is zero, too"
        return Reason(DECAY, text, frozenset(decaying))
    if coupled := reason_of_overflow(steps, path):
        return coupled
    if any(path in moved_leaves(step) and becomes_zeros(step, path) for step in steps):
        text = "the step makes zeros of the leaf, where its gradient is zero, too: what is pruned "
        text += "has to begin with zeros"
        return Reason("pruned", text, frozenset({path}))
    text = "the leaf moves where its gradient is zero, too: the optimizer, or the step beside it, "
    text += "adds something, such as noise"
    return Reason("without a gradient", text, frozenset({path}))


def _trained_before(trajectory: Trajectory, path: Path) -> bool:
    """Tell whether a leaf trains in a step before the first in which it is frozen and moves."""
    first = next(each.number for each in trajectory.steps if path in moved_leaves(each))
    return any(path in each.trainable for each in trajectory.steps[: first - 1])


def _all_pulled(trajectory: Trajectory) -> frozenset[Path]:
    """Return the frozen leaves that move in a step in which the optimizer gets their gradient."""
    return frozenset(
        path for step in trajectory.steps for path in moved_leaves(step) if has_gradient(step, path)
    )


def _are_whole(trajectory: Trajectory, leaves: frozenset[Path]) -> bool:
    """Tell whether these leaves are all that a program is to freeze. What a wrapper is to freeze is
    drawn: a single leaf may be the only one of its kind that a mask misses.
    """
    frozen = all_frozen(trajectory)
    drawn = isinstance(trajectory.problem, TreeProblem)
    return leaves == frozen and (len(frozen) > 1 or not drawn)


def _becomes_nan_of_nan(step: Step, path: Path) -> bool:
    """Tell whether a leaf becomes NaN, and the optimizer does not get zeros for its gradient: of
    those, only the optimizer itself could make NaN.
    """
    before, after = step.before.params[path].array, step.after.params[path].array
    came = np.isnan(after.astype(float)) & ~np.isnan(before.astype(float))
    return bool(np.any(came)) and (gradient_of(step, path) is None or has_gradient(step, path))


def _is_nan_after_zeros(trajectory: Trajectory, step: Step, path: Path) -> bool:
    """Tell whether the optimizer gets no number for the gradient of a leaf but NaN and zeros, and
    got zeros alone in earlier steps in which it was frozen.
    """
    steps = [each for each in trajectory.steps[: step.number] if path in each.frozen]
    gradients = (gradient_of(each, path) for each in steps)
    *earlier, now = [gradient for gradient in gradients if gradient is not None]
    zeros = bool(earlier) and not any(np.any(gradient != 0) for gradient in earlier)
    return zeros and bool(np.isnan(now).any() and np.all(np.isnan(now) | (now == 0)))


def _taken_for_a_schedule(step: Step) -> str | None:
    """Return the hyperparameter of Optax's `inject_hyperparams` that is a truth value: it was meant
    as a mask, and has become one number.
    """
    for path, leaf in (step.after.rest or step.after.opt_state or {}).items():
        if path[-2:-1] == ("hyperparams",) and leaf.array.dtype == bool and not leaf.array.ndim:
            return path[-1]
    return None


def _mending(subject: Any, problem: Any, step: Step, path: Path) -> str:
    """Say how to reach a leaf, if no freeze seems to catch any, or any that is in a box."""
    if told := boxed(subject, problem, step, path):
        return told
    if len(moved_leaves(step)) < len(step.frozen):
        return ""
    return masked_decay(subject) or reaching(subject, problem, step, path)


def _is_raw(problem: Any, step: Step, path: Path) -> bool:
    """Tell whether a leaf that the optimizer never gets moves by the gradient that the problem of
    a wrapper has for it; a trainer's is not known.
    """
    if not isinstance(problem, TreeProblem) or gradient_of(step, path) is not None:
        return False
    drawn: np.ndarray = named_leaves(problem.gradient(step.number))[path]
    with np.errstate(all="ignore"):
        expected = step.before.params[path].array + drawn
    return bool(same_value(expected, step.after.params[path].array))
