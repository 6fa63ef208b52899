"""Other runs of a problem, by which a cause shows: with other settings, with ordinary numbers.

Where a gradient is not finite, a setting of zero tells nothing: 0 · inf and 0 · NaN are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.optimizer import Optimizer
from ....reference.problems.wrapper_problem import TreeProblem
from ....reference.pytrees.phases import LONGEST
from ....reference.subjects.trainer import Trainer

#: A seed may leave the units behind a leaf idle: then it stays, whatever the program does.
_SEEDS = 3
#: A rate at which nothing overflows that does not anyhow.
_ORDINARY_RATE = 0.1
#: A rate at which a loss hardly grows: in float16, that of ordinary numbers overflows soon.
_CALM_RATE = 1e-3


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """Return the hyperparameters of an optimizer, or of the one inside a wrapper."""
    return dict((optimizer.inner or optimizer).hyperparameters)


def with_settings(optimizer: Optimizer, **changed: float) -> Optimizer:
    """Return an optimizer, or the one inside a wrapper, with other hyperparameters."""
    if optimizer.inner is not None:
        return replace(optimizer, inner=with_settings(optimizer.inner, **changed))
    settings = dict(optimizer.hyperparameters) | changed
    return replace(optimizer, hyperparameters=tuple(settings.items()))


def run_under(subject: Any, problem: Any, optimizer: Optimizer) -> Sequence[Step]:
    """Return the steps of a problem under another optimizer; none where that raises."""
    from ....reference.observation.run import run  # here: a law book is read without JAX

    other = run(subject, replace(problem, optimizer=optimizer))
    return () if other.raised is not None else other.steps


def ordinary_runs(subject: Any, problem: Any) -> list[Trajectory]:
    """Run a problem with ordinary numbers and at an ordinary rate, as often as it takes to see
    whether a leaf stays; none where its numbers and its rate are ordinary, or where that raises.
    """
    from ....reference.observation.run import run  # here: a law book is read without JAX

    calm = replace(problem, optimizer=_at_ordinary_rate(problem.optimizer))
    if isinstance(problem, TreeProblem):
        others = [replace(calm, gradients="ordinary", weights="ordinary")]
    else:
        calm = replace(calm, numbers="ordinary", weights=_ordinary_weights(problem))
        others = [replace(calm, seed=calm.seed + number) for number in range(_SEEDS)]
    if others[0] == problem:
        return []
    ran = (run(subject, other) for other in others)
    return [each for each in ran if each.raised is None and each.steps]


def through_phases(trainer: Trainer) -> tuple[str, ...]:
    """Return as many steps from the beginning of a trainer's last phase on as before it, in a run
    that is not too long.
    """
    return ("step",) * min(2 * max(trainer.phases) - 1, LONGEST)


def calm_runs(subject: Any, problem: Any) -> list[Trajectory]:
    """Run a trainer where ordinary numbers overflow, at a low rate and from other seeds, too: some
    of these runs stay finite for as long. None of a wrapper, whose gradients are drawn.
    """
    from ....reference.observation.run import run  # here: a law book is read without JAX

    if isinstance(problem, TreeProblem):
        return []
    calm = replace(problem, numbers="ordinary", optimizer=problem.optimizer.at_rate(_CALM_RATE))
    calm = replace(calm, weights=_ordinary_weights(problem))
    others = (replace(calm, seed=calm.seed + number) for number in range(_SEEDS))
    ran = (run(subject, other) for other in others)
    return [each for each in ran if each.raised is None and each.steps]


def _ordinary_weights(problem: Any) -> str:
    """Return how the weights of a trainer are made where none of them is infinite or NaN."""
    return "redrawn" if problem.weights == "special" else problem.weights


def at_a_rate_that_trains(optimizer: Any) -> Any:
    """Return an optimizer that trains where one at a rate of zero does nothing."""
    if not isinstance(optimizer, Optimizer) or settings_of(optimizer).get("learning_rate") != 0:
        return optimizer
    return optimizer.at_rate(_ORDINARY_RATE)


def _at_ordinary_rate(optimizer: Any) -> Any:
    if not isinstance(optimizer, Optimizer):
        return optimizer
    rate = settings_of(optimizer).get("learning_rate", 0.0)
    return optimizer.at_rate(_ORDINARY_RATE) if abs(rate) > 1 else optimizer
