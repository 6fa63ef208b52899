"""Whether a leaf moves in one frozen step alone, at the edge of a phase that `frozen` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ....reference.observation.trajectory import Step
from ....reference.pytrees.paths import Path, path_text
from ....reference.pytrees.phases import LONGEST
from ....reference.subjects.trainer import Trainer
from .leaves import gradient_of, has_gradient, moves
from .reason import Reason
from .reruns import at_a_rate_that_trains, through_phases

#: What is said of a step before a leaf thaws, and of one after it trained.
_EARLY = (
    "the last before `frozen` lets it train",
    "the program thaws it a step early, or `frozen` names it for a step too many",
)
_LATE = (
    "the first in which `frozen` names it",
    "the program freezes it a step late, or `frozen` names it a step early",
)


def reason_of_edge(subject: Any, problem: Any, path: Path) -> Reason | None:
    """Say so where a frozen leaf trains in a step at an edge of its phase, and it stays in others,
    or another leaf does at such an edge, in a run with ordinary numbers through all phases.
    """
    if not isinstance(subject, Trainer) or not 1 < max(subject.phases) <= LONGEST:
        return None
    from ....reference.observation.run import run  # here: a law book is read without JAX

    through = replace(problem, actions=through_phases(subject), numbers="ordinary", disturbed="")
    # At a rate of zero nothing else trains, and it is not seen that the leaf is held.
    other = run(subject, replace(through, optimizer=at_a_rate_that_trains(problem.optimizer)))
    if other.raised is not None or (edge := _edge(other.steps, path)) is None:
        return None
    number, (which, blamed) = edge
    frozen = sorted({leaf for step in other.steps for leaf in step.frozen})
    edges = {leaf: found for leaf in frozen if (found := _edge(other.steps, leaf))}
    alike = [leaf for leaf, found in edges.items() if found[1] == edge[1]]
    held = [leaf for leaf in alike if _is_held(other.steps, leaf)]
    if not held:
        return None
    text = f"the leaf moves in step {number}, {which}, and "
    if path not in held:
        text += f"so does {path_text(held[0])} in step {edges[held[0]][0]}, which "
    text += "stays in other steps in which it is frozen"
    if other.steps[number - 1].given is None:  # an own `MultiSteps` may hold a gradient back
        text += "; `frozen` counts steps from 1"
    else:
        text += f": {blamed}; it counts steps from 1"
    return Reason("edge of a phase", text, frozenset(alike))


def _edge(steps: Sequence[Step], path: Path) -> tuple[int, tuple[str, str]] | None:
    """Return the first step at an edge in which a frozen leaf trains, and what is said of it; None
    where it moves in no other steps than those, or in one that is not at such an edge.
    """
    moving = [step for step in steps if path in step.frozen and moves(step, path)]
    if not moving or any(_is_given_zeros(step, path) for step in moving):
        return None
    early = all(_trains(steps[step.number : step.number + 1], path) for step in moving)
    late = all(_trains(steps[: step.number - 1][-1:], path) for step in moving)
    if early == late:
        return None
    return moving[0].number, _EARLY if early else _LATE


def _is_held(steps: Sequence[Step], path: Path) -> bool:
    """Tell whether a frozen leaf stays in a step in which something trains."""
    frozen = [step for step in steps if path in step.frozen]
    return any(not moves(step, path) and _trains_some(step) for step in frozen)


def _trains(neighbours: Sequence[Step], path: Path) -> bool:
    """Tell whether there is a neighbour of a step in which a leaf may train and moves."""
    return any(path in step.trainable and moves(step, path) for step in neighbours)


def _trains_some(step: Step) -> bool:
    return any(moves(step, path) for path in step.trainable)


def _is_given_zeros(step: Step, path: Path) -> bool:
    """Tell whether the optimizer is seen to get zeros for the gradient of a leaf: then it moves by
    others. Of a leaf that it never gets, another optimizer may get the gradient.
    """
    return gradient_of(step, path) is not None and not has_gradient(step, path)
