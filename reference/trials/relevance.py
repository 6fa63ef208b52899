"""Tells whether a leaf that did not train, or that a decay alone moved, should have trained."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..observation.decay import is_untrained, moves_otherwise
from ..observation.trajectory import Step, Trajectory
from ..observation.wrapper_run import run_wrapper
from ..problems.training_problem import TrainingProblem
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.paths import Path
from ..subjects.optax_wrapper import OptaxFreeze
from ..subjects.protocols import TrainerSource
from ..subjects.trainer import Trainer
from .longer_run import PATIENCE, longer, moved_in_the_end, run_again, stays
from .other_weights import (
    TELLING,
    differs,
    first_loss,
    is_placeholder,
    keep,
    losses_from,
    nudge,
    nudge_again,
    scatter,
    scatter_again,
    shift,
    steps_from,
)
from .penalties import is_always_given_one_batch, is_by_the_model

#: Scales of a leaf at which training shows where rounding hides it at its own. A decay multiplies
#: small and large weights by the same number. The gradient of a leaf that is used once is as large
#: as before, and moves more of small weights than their last digits; where it shrinks with them, as
#: that of tied weights does, it grows with large ones. A temperature must not be that small.
_SCALES = (2.0**-40, 2.0**-16, 2.0**-8, 2.0**10)
#: Steps after which a leaf is asked about again, few of those in which it was seen to stay.
_ON_THE_WAY = 4
#: What rounding may make of a loss: a hundredth of what tells, since values nearby are asked for.
_ROUNDED = TELLING / 100

#: Why nobody can tell whether a leaf should train.
_NO_LOSS = (
    "what the loss is with other values in its place is not known; give `with_params=`, and let "
    "`train_step` return the loss"
)
_SAME_LOSS = (
    "the loss is the same whatever the parameters are; let `train_step` return the loss, and give "
    "`batches=` in which it depends on them"
)
_SAME_BATCH = (
    "a penalty on the weights is not told from the rest of the loss where all batches are the same"
)
_TOO_FEW_STEPS = (
    f"no optimizer moves it in {PATIENCE} steps, and one does later; name a number of steps in "
    "which all leaves move by `steps=`"
)


def matters(subject: Any, trajectory: Trajectory, path: Path) -> bool | str | None:
    """Tell whether a leaf that did not train in a trajectory of this subject should have trained,
    or say why nobody can tell; None where it trains in longer runs or at another size, or where the
    optimizer alone does not move it either.
    """
    problem = trajectory.problem
    if isinstance(problem, TreeProblem):
        should = _moves_unwrapped(problem, path) and not _moves_later(subject, problem, path)
        return should or None
    assert isinstance(subject, TrainerSource), "only wrappers and trainers have leaves"
    return _would_move(subject.trainer_for(problem), trajectory, path)


def _moves_unwrapped(problem: TreeProblem, path: Path) -> bool:
    """Tell whether the drawn gradients move a leaf by the optimizer alone, otherwise than by a
    decay: at a rate of 1e-30 rounding hides them.
    """
    alone = run_wrapper(_UNWRAPPED, problem)
    return problem.gradients == "ordinary" and any(
        moves_otherwise(step, path) for step in alone.steps
    )


_UNWRAPPED = OptaxFreeze(lambda optimizer, mask: optimizer)


def _moves_later(wrapper: OptaxFreeze, problem: TreeProblem, path: Path) -> bool:
    """Tell whether a wrapper that waits, as one with `MultiSteps` does, moves a leaf in the end."""
    # Compiled as a whole, since `MultiSteps` has a `lax.cond` that is compiled anew in each step.
    run = run_wrapper(wrapper, replace(problem, steps=PATIENCE, jitted=True))
    return any(moves_otherwise(step, path) for step in run.steps)


def _would_move(trainer: Trainer, trajectory: Trajectory, path: Path) -> bool | str | None:
    """Tell whether a leaf matters, or why it is unknown; None where many more steps move it.

    It matters if its gradient is not negligible, or if the loss depends on it. Where no other
    values can be put in its place, only the gradient tells. What accuses is the program as it is:
    it runs unshared once no program of another has said that the leaf does not matter.
    """
    problem = trajectory.problem
    runs = [trajectory]
    for run in _longer_runs(trainer, problem, shared=True):
        if not stays(run, path):
            return None
        runs.append(run)
    if all(step.waits for run in runs for step in run.steps) and _late(trainer, problem):
        return _TOO_FEW_STEPS
    seen = [step for run in runs for step in run.steps if path not in step.frozen]
    decaying = any(is_untrained(step, path) for step in seen)
    if not decaying and _has_been_given_more(seen, path):
        should: bool | str = True
    else:
        asked_of = functools.partial(loss_depends_on, trainer, problem, path)
        should = asked_of(decaying=decaying, shared=True)
        if should is False and problem.weights == "initialised" and not _ever_freezes(runs, path):
            # A factor that starts from zero hides it at first: no longer where that has trained.
            asked_of = functools.partial(asked_of, after=_ON_THE_WAY)
            should = asked_of(decaying=decaying, shared=True)
            # What the loss takes only in some steps, or from one step on, does so, too.
            if should is False and (after := _shows_after(trainer, problem, path)):
                asked_of = functools.partial(asked_of, after=after)
                should = asked_of(decaying=decaying, shared=True)
        if should is not False:
            should = asked_of(decaying=decaying, shared=False)
    if should is not False and any(run.shared for run in runs[1:]):
        as_it_is = _longer_runs(trainer, problem, shared=False)
        if not all(stays(run, path) for run in as_it_is):
            return None
    if should and _trains_at_another_scale(trainer, problem, path):
        return None
    if should is True and not decaying and path in _late(trainer, problem):
        return _TOO_FEW_STEPS
    return should


def _longer_runs(
    trainer: Trainer, problem: TrainingProblem, *, shared: bool
) -> Iterator[Trajectory]:
    """Run a problem for longer, and under the optimizer inside, too: a wrapper may hold back for
    longer still, as `mechanize` learns its scale from 1e-6 up.
    """
    for optimizer in filter(None, (problem.optimizer, problem.optimizer.inner)):
        yield run_again(trainer, longer(replace(problem, optimizer=optimizer)), shared=shared)


def _shows_after(trainer: Trainer, problem: TrainingProblem, path: Path) -> int | None:
    """Return after how many steps the loss is first seen to be another one, where other values of a
    leaf are put in its place before them; None where it is not.
    """
    try:
        plain, shifted, scattered = (
            losses_from(trainer, problem, {path}, change, PATIENCE)
            for change in (keep, shift, scatter)
        )
        for after, (loss, *others) in enumerate(zip(plain, shifted, scattered, strict=True)):
            if any(differs(loss, other) for other in others):
                return after
    except Exception:  # no loss, or no way to put parameters in place: nothing is known
        pass
    return None


def _ever_freezes(runs: Sequence[Trajectory], path: Path) -> bool:
    return any(path in step.frozen for run in runs for step in run.steps)


def loss_depends_on(
    trainer: Trainer,
    problem: TrainingProblem,
    path: Path,
    *,
    decaying: bool,
    shared: bool,
    after: int = 0,
) -> bool | str:
    """Tell whether other values of a leaf change the loss, or why nobody can tell.

    Args:
        trainer: the code under test.
        problem: what it is given.
        path: the leaf.
        decaying: leave out what a penalty on the weights changes.
        shared: let it share the programs of others of its structure: what accuses must not.
        after: the steps that are trained before.
    """
    loss = functools.partial(
        first_loss, trainer, problem, frozenset({path}), shared=shared, after=after
    )
    plain = loss(keep)
    if plain is None:
        return _NO_LOSS
    undefined = False
    for change in (shift, scatter):
        perturbed = loss(change)
        if perturbed is None:
            return _NO_LOSS
        if differs(plain, perturbed):
            break
        undefined |= np.isfinite(plain) and np.isnan(perturbed)
    else:
        if undefined:
            return _NO_LOSS
        return _SAME_LOSS if is_placeholder(trainer, problem, shared=shared) else False
    nearby = [loss(each) for each in (nudge, nudge_again)]
    flat = not any(each is None or _is_other(plain, each) for each in nearby)
    if flat and _trains_elsewhere(trainer, problem, path):
        return False
    if is_always_given_one_batch(problem):
        return _SAME_BATCH if decaying else True
    by_the_model = is_by_the_model(loss, change)
    return _NO_LOSS if by_the_model is None else by_the_model


def _is_other(plain: float, nearby: float) -> bool:
    """Tell whether a loss is another one nearby, also where it is not finite. As long as it stays
    the same, as a hinge loss within its margins does, the gradient is zero.
    """
    return not abs(plain - nearby) <= _ROUNDED * abs(plain)


def _trains_elsewhere(trainer: Trainer, problem: TrainingProblem, path: Path) -> bool:
    """Tell whether a leaf is seen to have a gradient, or to move, where it has other values. What
    an `argmax`, a rounding or a comparison takes has none anywhere, and yet the loss depends on it.
    """
    try:
        return any(
            moves_otherwise(step, path) or _has_been_given_some(step, path)
            for change in (scatter, scatter_again, shift, nudge)
            for step in steps_from(trainer, problem, {path}, change, PATIENCE)
        )
    except Exception:  # it trains from no other values: nothing is seen
        return True


def _has_been_given_some(step: Step, path: Path) -> bool:
    """Tell whether the optimizer was given a gradient of a leaf that is not zero."""
    return step.given is not None and bool(np.any(step.given.gradients.get(path, 0) != 0))


#: For each trainer with a leaf that never moved, the leaves that move in the end.
_LATE: WeakKeyDictionary[Trainer, frozenset[Path]] = WeakKeyDictionary()


def _late(trainer: Trainer, problem: TrainingProblem) -> frozenset[Path]:
    """Return the leaves that very many steps move, at a rate at which most trainings stay finite:
    those in their own `MultiSteps`, say. They are run once of a trainer.
    """
    if trainer not in _LATE:
        slowly = replace(problem, optimizer=problem.optimizer.at_rate(0.001))
        try:
            _LATE[trainer] = moved_in_the_end(trainer, slowly)
        except Exception:  # the program does not train for so long: nothing is seen
            _LATE[trainer] = frozenset()
    return _LATE[trainer]


def _has_been_given_more(steps: Sequence[Step], path: Path) -> bool:
    """Tell whether the optimizer was given a gradient of a leaf that is more than rounding."""
    given = [step.given.gradients.get(path) for step in steps if step.given]
    return any(leaf is not None and np.abs(leaf.astype(float)).max() > TELLING for leaf in given)


def _trains_at_another_scale(trainer: Trainer, problem: TrainingProblem, path: Path) -> bool:
    """Tell whether a leaf is seen to move on and on, otherwise than by a decay, if it is much
    smaller or larger. What puts back its old values, or makes it NaN, moves it once.
    """
    try:
        return any(sum(_moves_from(trainer, problem, path, scale)) > 1 for scale in _SCALES)
    except Exception:  # no other values can be put in its place: nothing is seen
        return False


def _moves_from(
    trainer: Trainer, problem: TrainingProblem, path: Path, scale: float
) -> Iterator[bool]:
    """Yield step by step whether a leaf that was scaled moves otherwise than by a decay."""
    for step in steps_from(trainer, problem, {path}, lambda _, leaf: leaf * scale, PATIENCE):
        yield moves_otherwise(step, path)
