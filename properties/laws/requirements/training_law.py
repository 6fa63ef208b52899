"""Makes laws on trajectories, and the requirements on leaves that these laws consist of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, wraps
from typing import Any

import numpy as np

from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.recorded import Recorded
from ....reference.pytrees.comparison import Change, Promise, changes
from ....reference.pytrees.following import UnusableCopies
from ....reference.pytrees.paths import Path, path_text
from ....reference.pytrees.snapshot import NoSuchLeaf, Snapshot
from ....reference.subjects.capability import Capability, Requirement
from ..law import Inconclusive, Law, Unanswered, refute
from .endings import ending

Check = Callable[..., None]
#: Strategy of one example's problems, for a subject.
Draws = Callable[[Any], Any]
#: Why an example says nothing in which no update happened.
NO_UPDATE = (
    "see trainable-moves: no update happened in the run, or say by `steps=` after how many steps "
    "one does"
)


def training_law(
    id: str,
    *,
    draws: Draws,
    needs: Capability | Requirement = Capability.TREE,
    **fields: Any,
) -> Callable[[Check], Law]:
    """Make a law on trainers and wrappers from its check, which takes the trajectories of one
    example; what it draws depends on the subject alone.
    """

    def make(check: Check) -> Law:
        @wraps(check)
        def checked(*trajectories: Trajectory) -> None:
            if not fields.get("judges_malformed"):
                for trajectory in trajectories:
                    require_complete(trajectory)
            try:
                check(*trajectories)
            except NoSuchLeaf as missing:
                reason = f"{path_text(missing.path)} is a leaf with numbers in a part of the run"
                raise Inconclusive(f"{reason} only", subject=True) from None
            except UnusableCopies as error:
                raise Inconclusive(str(error), subject=True) from None

        return Law(
            id, needs=Requirement.on(needs), draws=_of_any_pool(draws), check=checked, **fields
        )

    return make


@cache  # laws that draw the same problems have the same function for it
def _of_any_pool(draws: Draws) -> Callable[[Any, Any], Any]:
    return lambda subject, _shapes: draws(subject)


def require_complete(trajectory: Trajectory) -> None:
    """Leave an example aside in which the subject raised; `training-runs` is about that."""
    if trajectory.raised is not None or trajectory.malformed:
        raise Unanswered("training-runs", how_it_ended(trajectory))
    if not trajectory.steps:
        raise Inconclusive("the run has no step")


def how_it_ended(trajectory: Trajectory) -> str:
    """Say how a run ended that did not come to its end, and in which part of the subject."""
    if trajectory.raised is not None:
        return f"{trajectory.at_work} {ending(trajectory.raised)}"
    return f"the answer is {trajectory.malformed}"


def require_trained(trajectory: Trajectory) -> None:
    """Leave an example aside without any update, where it means nothing that frozen leaves stayed.

    An accumulation of gradients, or a warm-up from zero, may wait for longer than the run.
    """
    if not trajectory.trained:
        raise Inconclusive(NO_UPDATE, subject=True)


def require_kept(
    trajectory: Trajectory,
    promise: Promise,
    *,
    run: int = 0,
    what: str = "frozen leaf",
    leaves: Callable[[Step], Iterable[Path]] = lambda step: step.frozen,
) -> None:
    """Require leaves to keep a promise at every step.

    Args:
        trajectory: the run.
        promise: "norm", "value" or "bits".
        run: the number of the run in the script.
        what: the leaves in a message.
        leaves: returns the paths of the leaves at a step; by default, the frozen ones.
    """
    for step in trajectory.steps:
        for change in changes(step.before.params, step.after.params, leaves(step), promise):
            name, index = path_text(change.path), step.number - 1
            pair = f"before[{run}][{index}].get({name!r}), after[{run}][{index}].get({name!r})"
            _refute_change(trajectory, step, change, promise, pair=pair, what=what)


def require_statistics_kept(trajectory: Trajectory, promise: Promise) -> None:
    """Require statistics, and other state of the model, that `frozen` names to keep a promise at
    every step.
    """
    for step in trajectory.steps:
        for change in changes(*step.model_state, step.frozen_statistics, promise):
            name, index = path_text(change.path), step.number - 1
            seen = [f"statistics[0][{each}].get({name!r})" for each in (index, index + 1)]
            pair = ", ".join(seen)
            _refute_change(trajectory, step, change, promise, pair=pair, what="frozen statistic")


def _refute_change(
    trajectory: Trajectory, step: Step, change: Change, promise: Promise, *, pair: str, what: str
) -> None:
    """Refute the law by a changed leaf: name the leaf, the step, the change and the optimizer.

    `pair` are the leaf before and after, as the script has them.
    """
    name = path_text(change.path)
    kept = {} if promise == "norm" else {"norms_kept": _keeps_norms(trajectory)}
    refute(
        f"{name}: {what} changed at step {step.number}: {change.describe()}, "
        f"under {step.optimizer}",
        assertion=f"same_{promise}({pair})",
        leaf=name,
        step=step.number,
        before=number(change.before),
        after=number(change.after),
        ulps=change.ulps,
        optimizer=str(step.optimizer),
        **kept,
    )


def _keeps_norms(trajectory: Trajectory) -> bool:
    """Tell whether a check of the norms of all that is frozen misses what moves in a run."""
    return not any(
        changes(step.before.params, step.after.params, step.frozen, "norm")
        or changes(*step.model_state, step.frozen_statistics, "norm")
        for step in trajectory.steps
    )


def number(element: np.generic | None) -> float | None:
    """Return an element of a leaf as a number that JSON can hold."""
    return None if element is None else float(np.real(element))


def recorder_needed(step: Step) -> Any:
    """Return the gradients and parameters that the engine's optimizer was given at a step.

    Raises `Inconclusive` where they are not found in the optimizer's state.
    """
    if step.given is None:
        raise Inconclusive(_why_unrecorded(step), subject=True)
    return step.given


def _why_unrecorded(step: Step) -> str:
    """Say why it is not known what the engine's optimizer was given at a step."""
    optimizer = "the optimizer that is handed over"
    if step.looked_at:
        return f"the program looks at the state of {optimizer}, which records nothing there"
    if step.after.opt_state is None and step.after.rest is not None and not step.recordings:
        return (
            f"the training carries no state of {optimizer}, as where each step makes it anew "
            "(`opt_state=` shows one that is kept elsewhere)"
        )
    if step.after.opt_state is None:
        return f"the state of {optimizer} is not found: add `opt_state=`"
    if not step.recordings:
        return (
            f"the optimizer's state does not hold that of {optimizer} once, outside `jax.vmap` and "
            "`jax.pmap`"
        )
    if step.waits:
        return f"{optimizer} is not called in each step"
    if any(calls != 1 for _, calls in step.recordings):
        return f"{optimizer} is called several times in a step, or not for all leaves"
    return f"{optimizer} is given the same leaf in several groups"


def gradients_needed(step: Step) -> Mapping[Path, np.ndarray]:
    """Return the gradients that the engine's optimizer was given.

    Raises `Inconclusive` where some of the trainable leaves have none, or others have some.
    """
    given: Recorded = recorder_needed(step)
    gradients = given.gradients
    if given.parts & step.trainable:
        raise Inconclusive("the optimizer gets leaves as parts of a larger array", subject=True)
    if ungiven := step.trainable - gradients.keys():
        raise Inconclusive(_why_ungiven(step, gradients.keys(), ungiven), subject=True)
    if step.strangers:  # what trains unseen has a share in a norm over all
        raise Inconclusive(_why_strange(step), subject=True)
    return gradients


def _why_ungiven(step: Step, given: Collection[Path], ungiven: Collection[Path]) -> str:
    """Say why the engine's optimizer has no gradient of trainable leaves: it gets them under other
    names, or never. Leaves are not named here, since reasons are counted over trees of all names.
    """
    before, after = step.before.params, step.after.params
    if not before.keys() - step.aliases.keys() >= set(given):
        return "the optimizer gets the leaves under other names"
    if any(moved(before, after, path) for path in ungiven):
        return "the optimizer never gets a trainable leaf: something else moves it"
    return "the optimizer never gets a trainable leaf: trainable-moves says whether it should"


def _why_strange(step: Step) -> str:
    """Say which arrays, other than parameters, the engine's optimizer is given."""
    if step.strangers <= step.model_state[0].keys():
        return (
            "the optimizer trains statistics, too: give it the parameters alone, as by "
            "`wrt=nnx.Param`"
        )
    return "the optimizer gets arrays that are not parameters here"


def moved(before: Snapshot, after: Snapshot, path: Path) -> bool:
    """Tell whether a leaf changed its value, appeared or vanished."""
    return bool(changes(before, after, [path], "value"))
