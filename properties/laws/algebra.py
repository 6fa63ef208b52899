"""The law book, algebra: metamorphic relations between freezes of nothing, everything, or parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.optimizers.optimizer import Optimizer
from ...reference.pytrees.paths import Path, path_text
from ...reference.subjects.capability import Capability
from ...strategies.problems import lifecycles as lifecycle
from ...strategies.problems import trainings as training
from ...strategies.problems.kept_optimizers import single_under
from .law import Inconclusive, Law, Refutation, observe
from .requirements.agreement import IN_STEP, require_agreement, require_runs
from .requirements.training_law import moved, require_kept, training_law


def _placeless(promised: st.SearchStrategy[Optimizer]) -> st.SearchStrategy[Optimizer]:
    """Leave out optimizers whose noise depends on the place of a leaf, which changes here."""
    return promised.filter(lambda optimizer: not optimizer.facts.stochastic)


def _still(promised: st.SearchStrategy[Optimizer]) -> st.SearchStrategy[Optimizer]:
    """Leave out optimizers that move leaves of zero gradient, by a decay or by 0/0.

    Correct code that zeroes gradients need not hold such leaves; `frozen-value` is about that.
    """
    return promised.filter(
        lambda optimizer: (
            not (optimizer.facts.moves_on_zero_gradient or optimizer.facts.nan_when_all_zero)
        )
    )


@training_law(
    "freeze-nothing",
    guarantee="selected",
    needs=Capability.WRAPPER,
    draws=lifecycle.applied("no freeze", "nothing", choose=_placeless),
    judges_malformed=True,
    evidence={IN_STEP: 0.3},
    meaning="An empty mask is taken for a missing one, or is inverted; or the wrapper scales, "
    "clips or delays the updates that it does not freeze.",
)
def to_freeze_nothing_changes_nothing(plain: Trajectory, frozen: Trajectory) -> None:
    """A freeze of no leaf changes nothing: the optimizer trains as it does without the freeze."""
    require_runs(plain, frozen)
    require_agreement((plain, frozen), other="where the freeze is applied to no leaf")


@training_law(
    "freeze-everything",
    guarantee="selected",
    needs=Capability.WRAPPER | Capability.REFREEZE,
    draws=lifecycle.applied("everything", preceded=(("freeze everything",),), choose=_still),
    judges_malformed=True,
    meaning="The program forgets the case of a mask with nothing but frozen leaves, or the freeze "
    "knows only the leaves it was written for.",
)
def to_freeze_everything_moves_nothing(trajectory: Trajectory) -> None:
    """A freeze of all leaves moves no leaf, under optimizers that move nothing by themselves."""
    if trajectory.raised is not None:  # correct programs may need something to differentiate
        error = type(trajectory.raised).__name__
        raise Inconclusive(f"a freeze of all leaves raises {error}", subject=True)
    require_runs(trajectory)
    require_kept(trajectory, "value")


@training_law(
    "freeze-twice",
    guarantee="selected",
    needs=Capability.WRAPPER | Capability.REFREEZE & Capability.OPTIMIZER,
    draws=lifecycle.applied(
        "once", "twice", preceded=(("freeze",), ("freeze", "freeze")), choose=_placeless
    ),
    judges_malformed=True,
    evidence={IN_STEP: 0.2},
    meaning="The freeze toggles, counts, or compounds its effect on the other leaves.",
)
def to_freeze_twice_is_to_freeze_once(once: Trajectory, twice: Trajectory) -> None:
    """Leaves that are frozen twice are frozen as by one freeze, and the others train the same."""
    require_runs(once, twice)
    require_agreement((once, twice), other="where they are frozen twice")


@training_law(
    "freeze-order",
    guarantee="selected",
    needs=Capability.WRAPPER,
    draws=lifecycle.applied(
        "once", "in two parts", "in two parts, the other way round", choose=_placeless
    ),
    judges_malformed=True,
    evidence={IN_STEP: 0.3},
    meaning="The last mask replaces the one before it, instead of adding to it.",
)
def leaves_are_frozen_in_any_order(
    once: Trajectory, parts: Trajectory, reversed_parts: Trajectory
) -> None:
    """Leaves that two masks freeze, in either order, are frozen as by one mask, and the others
    train the same.
    """
    runs = (once, parts, reversed_parts)
    require_runs(*runs)
    require_agreement(runs, (0, 1), "where they are frozen in two parts")
    require_agreement(runs, (0, 2), "where they are frozen in two parts, the other way round")


def _stays_frozen(subject: Any, failure: Refutation) -> bool | None:
    """Tell whether an unfrozen leaf stays although the loss depends on it; None where it moves on
    other data.

    The units behind it may have died while it was frozen; then it has no gradient.
    """
    # Here, since the law book is read without JAX.
    from ...reference.observation.run import run
    from ...reference.trials.relevance import matters

    *_, problem = failure.facts["problems"]
    path = failure.facts["path"]

    def moves_again(other: int) -> bool:
        again = replace(
            problem,
            seed=problem.seed + other,
            fill=problem.fill ^ other,
            optimizer=problem.optimizer.at_rate(0.001),  # at a high one, units die at once
            actions=("freeze", "step", "unfreeze", *("step",) * 10),
        )
        return any(_moved(step, path) for step in _thawed(run(subject, again)))

    first, *others = range(1, _AGAIN + 1)
    if moves_again(first):  # most do; whether it matters takes as long as four more
        return None
    if matters(subject, failure.facts["calls"][-1], path) is not True:
        return False
    return None if any(map(moves_again, others)) else True


#: Half of all single units are dead from the start: one in a million is so in so many runs.
_AGAIN = 20


@training_law(
    "unfreeze-resumes",
    guarantee="selected",
    needs=Capability.REFREEZE & Capability.OPTIMIZER,
    draws=single_under(lifecycle.is_eager),
    varies=lifecycle.thawed,
    judges_malformed=True,
    confirm=_stays_frozen,
    evidence={IN_STEP: 0.2},
    meaning="Something still masks an unfrozen leaf: the optimizer that was built for the frozen "
    "set, a filter, or a program that was compiled before.",
)
def unfrozen_leaves_train_again(never: Trajectory, at_once: Trajectory, later: Trajectory) -> None:
    """Leaves that are frozen and unfrozen before the first step train as if they had never been
    frozen. Each leaf that is unfrozen later and matters moves again at least once over the run.
    """
    require_runs(never, at_once, later)
    if not never.chosen:
        raise Inconclusive("the subject freezes no leaf", subject=True)
    require_agreement((never, at_once, later), other="where they were frozen and unfrozen before")
    thawed = _thawed(later)
    for path in sorted(later.chosen & thawed[0].trainable):
        _observe_thaw(later, thawed, path)


def _observe_thaw(trajectory: Trajectory, thawed: list[Step], path: Path) -> None:
    name = path_text(path)
    if any(_moved(step, path) for step in thawed):
        observe(f"{trajectory.structure}{name}", None)
        return
    first, last = thawed[0].number - 1, thawed[-1].number - 1
    pair = f"before[2][{first}][{name!r}], after[2][{last}][{name!r}]"
    failure = Refutation(
        f"{name}: unfrozen leaf never moves again, as here after step {first} under "
        f"{trajectory.problem.optimizer}",
        assertion=f"not same_value({pair})",
        leaf=name,
        path=path,
        run=2,
        optimizer=str(trajectory.problem.optimizer),
    )
    observe(f"{trajectory.structure}{name}", failure)


def _thawed(trajectory: Trajectory) -> list[Step]:
    return [step for step in trajectory.steps if not step.frozen]


def _moved(step: Step, path: Path) -> bool:
    return moved(step.before.params, step.after.params, path)


@training_law(
    "frozen-warm-state",
    guarantee="value",
    needs=Capability.REFREEZE,
    draws=training.single,
    varies=lifecycle.warmed,
    meaning="The optimizer's state outlives the gradient: momentum, or Adam's first moment, moves "
    "a leaf for many steps after its gradient has become zero. Mask the update, not the gradient.",
)
def leaves_frozen_later_stay(trajectory: Trajectory) -> None:
    """A leaf that is frozen after some ordinary steps keeps the value that it has then."""
    require_kept(trajectory, "value")


LAWS: tuple[Law, ...] = (
    to_freeze_nothing_changes_nothing,
    to_freeze_everything_moves_nothing,
    to_freeze_twice_is_to_freeze_once,
    leaves_are_frozen_in_any_order,
    unfrozen_leaves_train_again,
    leaves_frozen_later_stay,
)
