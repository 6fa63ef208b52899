"""Draws sequences of actions on a training, and variations that must make no difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

from hypothesis import strategies as st

from ...reference.optimizers.optimizer import Optimizer
from ...reference.problems.actions import ACTIONS, CHANGE, CHECKPOINT, FREEZES
from ...reference.problems.wrapper_problem import TreeProblem
from ...reference.subjects.capability import Capability
from ..optimizers import are_its_own, common, named
from .kept_optimizers import kept_under
from .trainings import Draws, Problems, claimed, problems

Choice = Callable[[st.SearchStrategy[Optimizer]], st.SearchStrategy[Optimizer]]

_short = st.sampled_from((1, 2, 3))


def compiled(subject: Any) -> Problems:
    """Draw a problem of up to three steps, to be run operation by operation and compiled.

    Three, since the effect of rounding on a training grows with each step.
    """

    def both(problem: Any) -> tuple[Any, Any]:
        if isinstance(problem, TreeProblem):
            return problem, replace(problem, jitted=True)
        return replace(problem, eager=True), problem

    return problems(subject, steps=_short).map(both)


def compiling(subject: Any) -> Problems:
    """Draw a problem of four steps, for which a trainer compiles again.

    Beyond the common set there are optimizers that compile by themselves whenever they run outside
    of a compiled step: `apply_if_finite` and `MultiSteps` make a fresh `lax.cond` each time.
    """
    own = are_its_own(subject.optimizers)
    optimizers = claimed(subject) if own else common()
    return st.tuples(problems(subject, optimizers, steps=st.just(4), anew=True))


def applied(
    *applications: str,
    preceded: tuple[tuple[str, ...], ...] = (),
    choose: Choice = lambda promised: promised,
) -> Draws:
    """Draw a problem in variations: of a wrapper's masks, or of a trainer's actions before a step.

    `choose` picks from the promised optimizers.
    """

    def draws(subject: Any) -> Problems:
        drawn = problems(subject, choose(claimed(subject)))
        if subject.kind == "optax":
            return drawn.map(
                lambda problem: tuple(replace(problem, applied=each) for each in applications)
            )
        return drawn.map(
            lambda problem: tuple(
                replace(problem, actions=(*actions, *problem.actions)) for actions in preceded
            )
        )

    return draws


def is_eager(optimizer: Any) -> bool:
    """Leave out optimizers that wait before they move anything: longer, it may be, than a run."""
    return not optimizer.facts.waits


def is_apart(optimizer: Any) -> bool:
    """Keep optimizers whose update of a leaf depends on that leaf alone: a norm over all leaves is
    another one where fewer train.
    """
    facts = optimizer.facts
    return not (facts.couples_leaves or facts.stochastic or facts.waits)


def thawed(subject: Any, drawn: tuple[Any, ...]) -> tuple[Any, ...]:
    """Let the leaves of a problem never be frozen, be unfrozen at once, and after some steps."""
    (problem,) = kept_under(is_eager)(subject, drawn)
    first, then = _two_parts(problem)
    return _doing(
        problem,
        ("unfreeze", *first, *then),
        ("freeze", "unfreeze", *first, *then),
        ("freeze", *first, "unfreeze", *then),
    )


def warmed(subject: Any, drawn: tuple[Any, ...]) -> tuple[Any, ...]:
    """Freeze the leaves of a problem after some ordinary steps."""
    (problem,) = drawn
    first, then = _two_parts(problem)
    return _doing(problem, ("unfreeze", *first, "freeze", *then))


def frozen_on_the_way(subject: Any, drawn: tuple[Any, ...]) -> tuple[Any, ...]:
    """Freeze the leaves of a problem after some steps, and, in a second run, never."""
    (problem,) = kept_under(is_apart)(subject, drawn)
    first, then = _two_parts(problem)
    return _doing(problem, ("unfreeze", *first, "freeze", *then), ("unfreeze", *first, *then))


def _two_parts(problem: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return one to three steps, and as many more; the `fill` of the problem says how many."""
    return ("step",) * (1 + problem.fill % 3), ("step",) * (1 + problem.fill // 3 % 3)


def _doing(problem: Any, *sequences: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(replace(problem, actions=actions) for actions in sequences)


def refrozen_specially(subject: Any) -> Problems:
    """Draw a problem whose frozen leaves hold special values, and what is frozen changes."""
    return st.builds(
        lambda problem, freezes: (replace(problem, actions=("step", *freezes, "step")),),
        problems(subject, weights="special"),
        st.lists(st.sampled_from(FREEZES), min_size=1, max_size=2),
    )


def lived(subject: Any) -> Problems:
    """Draw a problem with a few actions of any kind, and a step at the end to show them.

    Single actions seldom show a fault: to find what a restore forgets, leaves have to be frozen,
    saved, unfrozen and restored in this order. The optimizer changes where the parameters of one
    training can be put into another.
    """
    from ...reference.trials.probe import (
        capabilities_of,  # here: a law book is read without JAX
    )

    plain = [action for action in ACTIONS if action not in (CHECKPOINT, CHANGE)]
    freezes, orders = st.sampled_from(FREEZES), st.permutations(FREEZES)
    stories = [
        st.sampled_from(plain).map(lambda action: (action,)),
        orders.map(lambda two: (two[0], "save", two[1], "step", "restore")),
    ]
    if {Capability.WITH_PARAMS, Capability.OPTIMIZER} <= capabilities_of(subject):
        stories.append(freezes.map(lambda freeze: (freeze, "step", CHANGE)))

    def live(problem: Any, drawn: list[tuple[str, ...]], following: Optimizer) -> tuple[Any]:
        actions = (*chain(*drawn), "step")
        changed = following if CHANGE in actions else None
        return (replace(problem, actions=actions, next_optimizer=changed),)

    drawn = st.lists(st.one_of(stories), min_size=1, max_size=3)
    return st.builds(live, problems(subject), drawn, claimed(subject))


def checkpointed(subject: Any) -> Problems:
    """Draw a problem, and the same with a checkpoint before its last step.

    Few optimizers: a checkpoint takes longer than the rest of such a run, and the state that it has
    to hold is nothing, a tree, or two trees and a counter. A program's own checkpoint may leave out
    what its training begins with: then those weights are not redrawn.
    """
    own = are_its_own(subject.optimizers)
    few = claimed(subject) if own else named("sgd", "momentum", "adam")
    fields: dict[str, Any] = {"weights": "initialised"} if getattr(subject, "save", None) else {}
    return problems(subject, few, steps=_short, **fields).map(
        lambda problem: (
            replace(problem, actions=(*problem.actions, "step")),
            replace(problem, actions=(*problem.actions, "checkpoint", "step")),
        )
    )
