"""Whether the choice of leaves is inverted: what is frozen trains, and what is to train stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax

from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.optimizer import optimizer
from ....reference.problems.wrapper_problem import TreeProblem
from ....reference.pytrees.paths import Frozen, Path, matches, path_text
from ....reference.pytrees.phases import LONGEST, has_phases
from ....reference.subjects.capability import Capability
from ....reference.subjects.linen_trainer import LinenTrainer
from ....reference.subjects.nnx_trainer import NnxTrainer
from ....reference.subjects.optax_wrapper import OptaxFreeze
from ...laws.law import Inconclusive, Law, Refutation, collect
from .leaves import is_float, moves
from .movement import all_moved, moved_leaves
from .reason import INVERTED, SWAPPED, Reason
from .reruns import ordinary_runs, through_phases

#: Laws of these guarantees are not about which leaves are frozen.
_OF_ANY_CHOICE = ("computes", "advice")
#: Each refutation of these is a frozen leaf that changed in a step: its value, or only its bits.
_OF_BITS = ("frozen-bits", "frozen-special-weights")


def inversion(
    law: Law, subject: Any, calls: Sequence[Trajectory], found: Refutation
) -> Reason | None:
    """Say so if a law fails because the mask is inverted, and for nothing else.

    All that is frozen moves then, and nothing that is to train, in runs with ordinary numbers. And
    the law holds on the same problems where frozen and trainable leaves change places, or a law of
    bits fails there by less than the value that it saw change.
    """
    if law.guarantee in _OF_ANY_CHOICE or any(map(_trains_some, calls)):
        return None
    if _is_at_rate_zero(calls[0].problem.optimizer):
        return None  # nothing trains, whatever the mask is
    runs = _ordinary(subject, calls[0].problem)
    if not _are_inverted(runs):
        return None
    if law.over_the_run and "path" in found.facts:
        follows = any(found.facts["path"] in step.trainable for step in calls[0].steps)
    else:
        mended = _run_opposite(subject, runs[0], calls)
        follows = _holds(law, mended) or _only_values(law, calls[0], mended[0], found)
    if not follows:
        return None
    swaps = _swaps(runs[0].steps)
    what = "the mask is inverted" + ", or the turns are swapped" * swaps
    text = f"{what}: all frozen leaves move, and no trainable one does"
    if isinstance(subject, OptaxFreeze):  # in a mask of Optax's own it means the opposite
        text += "; True in it means frozen"
    return Reason(SWAPPED if swaps else INVERTED, text, frozenset(runs[0].first.params))


def _is_at_rate_zero(optimizer: Any) -> bool:
    return optimizer == optimizer.at_rate(0.0) != optimizer.at_rate(1.0)


def _trains_some(trajectory: Trajectory) -> bool:
    """Tell whether a leaf that is to train does so beside frozen ones."""
    return any(
        step.frozen and any(moves(step, path) for path in step.trainable)
        for step in trajectory.steps
    )


def _ordinary(subject: Any, problem: Any) -> list[Trajectory]:
    """Return runs of a step in which some leaves are frozen and others train, or of as many steps
    from the beginning of the last phase on as before it; none of subjects for which frozen and
    trainable leaves cannot change places, and none where a phase begins too late.

    With other weights, too, where a trainer takes them: two factors that both start at zero, as in
    an adapter of low rank, have no gradient, and stay in a program without any mask.
    """
    # Here: a law book is read without JAX.
    from ....reference.observation.run import run
    from ....reference.trials.probe import capabilities_of

    if isinstance(subject, OptaxFreeze):
        return [run(subject, _HALF_FROZEN)]
    if not isinstance(subject, LinenTrainer | NnxTrainer) or max(subject.phases) > LONGEST:
        return []
    plain = replace(problem, actions=through_phases(subject), weights="initialised", disturbed="")
    takes_weights = Capability.WITH_PARAMS in capabilities_of(subject)
    weights = ("initialised", "redrawn") if takes_weights else ("initialised",)
    problems = [replace(plain, weights=each) for each in weights]
    return [each for one in problems for each in ordinary_runs(subject, one) or [run(subject, one)]]


def _are_inverted(runs: Sequence[Trajectory]) -> bool:
    """Tell whether some runs move all that is frozen, and nothing else, in each of their phases."""
    phases: dict[frozenset[Path], list[Step]] = {}
    for step in (step for each in runs for step in each.steps):
        phases.setdefault(step.frozen, []).append(step)
    both = any(_frozen_floats(step) and step.trainable for step, *_ in phases.values())
    return both and all(map(_is_inverted, phases.values())) and not any(r.raised for r in runs)


def _is_inverted(phase: Sequence[Step]) -> bool:
    moving = frozenset(path for step in phase for path in moved_leaves(step))
    trains = any(moves(step, path) for step in phase for path in step.trainable)
    return moving == _frozen_floats(phase[0]) and not trains


def _frozen_floats(step: Step) -> frozenset[Path]:
    return frozenset(path for path in step.frozen if is_float(step, path))


def _swaps(steps: Sequence[Step]) -> bool:
    """Tell whether two parts train in turns: where each of them has the turn of the other, the same
    is seen as where the mask is inverted.
    """
    turns = {(_frozen_floats(step), step.trainable) for step in steps}
    return len(turns) == 2 and all((trainable, frozen) in turns for frozen, trainable in turns)


#: Half of its leaves are frozen, and none is zero.
_HALF_FROZEN = TreeProblem(
    "two layers", ("Dense_0/bias", "Dense_0/kernel"), optimizer("sgd", learning_rate=0.1), 1, 0
)


def _opposite(subject: Any, ordinary: Trajectory) -> Any:
    """Return the subject with frozen and trainable leaves in each other's places: a wrapper is
    given the opposite mask, and a trainer declares the opposite.
    """
    if isinstance(subject, OptaxFreeze):
        wrap = subject.fn
        return replace(
            subject,
            fn=lambda optimizer, mask: wrap(optimizer, jax.tree.map(lambda each: not each, mask)),
        )
    floats = _frozen_floats(ordinary.steps[0]) | ordinary.steps[0].trainable
    frozen = subject.frozen

    def opposite(now: Frozen) -> Frozen:
        return tuple(sorted(path for path in floats if not matches(path, now)))

    if has_phases(frozen):
        return replace(subject, frozen=lambda step: opposite(frozen(step)))
    return replace(subject, frozen=opposite(frozen))


def _run_opposite(
    subject: Any, ordinary: Trajectory, calls: Sequence[Trajectory]
) -> list[Trajectory]:
    """Run the opposite of a subject on the problems of some calls."""
    from ....reference.observation.run import run  # here: a law book is read without JAX

    opposite = _opposite(subject, ordinary)
    return [run(opposite, each.problem) for each in calls]


def _holds(law: Law, runs: Sequence[Trajectory]) -> bool:
    """Tell whether a law holds in some runs."""
    try:
        collect(lambda: law.check(*runs))
    except (Refutation, Inconclusive):
        return False
    return True


def _only_values(law: Law, call: Trajectory, mended: Trajectory, found: Refutation) -> bool:
    """Tell whether a law of bits saw a frozen leaf change its value, where with the opposite mask
    none does: bits that are lost there too, such as those of −0.0 + 0.0, are another fault.
    """
    if law.id not in _OF_BITS or mended.raised is not None or all_moved(mended):
        return False
    step = next(each for each in call.steps if each.number == found.facts["step"])
    return found.facts["leaf"] in map(path_text, moved_leaves(step))
