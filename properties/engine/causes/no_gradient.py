"""What moves a frozen leaf whose gradient is zero: a decay, earlier gradients, or the optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import optax

from ....reference.observation.decay import is_multiple
from ....reference.observation.trajectory import Step, Trajectory
from ....reference.optimizers.optimizer import Optimizer
from ....reference.optimizers.recorded import Recorded
from ....reference.pytrees.paths import Path, path_text
from .leaves import has_gradient, is_finite
from .reason import DECAY, EARLIER, Reason
from .reruns import settings_of, with_settings

#: Updates of zeros by which an optimizer shows what it makes of them, also behind `MultiSteps`.
_UPDATES = 5

#: How an optimizer makes NaN of a gradient of zero, and which freeze holds.
_AS_BY_THE_NORM = (
    "as by the norm of all gradients, and another gradient is not finite; a freeze of the updates "
    "holds, one of the gradients does not"
)


def reason_without_gradient(
    trajectory: Trajectory, step: Step, given: Recorded, path: Path
) -> Reason:
    """Return what moves a leaf in a step in which the optimizer gets zeros for its gradient."""
    alone = frozenset({path})
    if _is_decay(step, given, path):
        text = (
            "the optimizer decays the leaf: it gets a gradient of zero, and its update is a "
            "multiple of the weights"
        )
        decaying = frozenset(each for each in step.frozen if _is_decay(step, given, each))
        return Reason(DECAY, text, decaying)
    if got_earlier_gradients(trajectory, step, path) and _adds_nothing(trajectory, step, path):
        text = "the optimizer moves the leaf by earlier gradients: the gradient is zero by now"
        return Reason(EARLIER, text, alone)
    if not is_finite(step, path):
        text = "the optimizer makes NaN or inf of a gradient of zero"
        if _is_coupled_with_worse(step, given):
            text += f": it couples leaves, {_AS_BY_THE_NORM}"
        return Reason("overflow of zero", text, alone)
    text = "the optimizer moves the leaf although its gradient is zero"
    return Reason("gradient of zero", text, alone)


def reason_of_overflow(steps: Sequence[Step], path: Path) -> Reason | None:
    """Say so where a leaf stops being finite in steps in which its gradient is zero, of whatever an
    optimizer makes that is not seen.
    """
    lost = [each for each in steps if path in each.frozen and not is_finite(each, path)]
    if not lost:
        return None
    text = "the leaf becomes NaN or inf where its gradient is zero, too: the program couples "
    text += f"leaves, {_AS_BY_THE_NORM}"
    return Reason("overflow of zero", text, frozenset({path}))


def _is_decay(step: Step, given: Recorded, path: Path) -> bool:
    """Tell whether the optimizer makes of zeros what a decay of the weights is."""
    gradient, update = given.gradients.get(path), given.updates.get(path)
    if gradient is None or update is None or np.any(gradient != 0):
        return False
    return is_multiple(step, path, -update)


def _is_coupled_with_worse(step: Step, given: Recorded) -> bool:
    """Tell whether an optimizer that couples leaves gets a gradient that is not finite."""
    couples = isinstance(step.optimizer, Optimizer) and step.optimizer.facts.couples_leaves
    return couples and not all(
        np.isfinite(gradient.astype(float)).all() for gradient in given.gradients.values()
    )


def got_earlier_gradients(trajectory: Trajectory, step: Step, path: Path) -> bool:
    """Tell whether the optimizer got a gradient of a leaf before a step that was not zero."""
    return any(has_gradient(each, path) for each in trajectory.steps[: step.number - 1])


def _adds_nothing(trajectory: Trajectory, step: Step, path: Path) -> bool:
    """Tell whether the optimizer, begun anew, makes nothing of zeros for a leaf but a decay: then
    what it makes of more than that comes from earlier gradients, and not from its own noise.
    """
    try:
        return all(
            not np.any(update != 0) or is_multiple(step, path, -update)
            for update in _updates_of_zeros(trajectory.problem.optimizer, step, path)
        )
    except (Exception, SystemExit):  # it may ask for more than gradients and parameters
        return False


def _updates_of_zeros(optimizer: Any, step: Step, path: Path) -> Iterator[np.ndarray]:
    if isinstance(optimizer, Optimizer) and settings_of(optimizer).get("weight_decay"):
        optimizer = with_settings(optimizer, weight_decay=0.0)  # the leaf moves without it, too
    params = {path_text(path): jax.numpy.asarray(step.before.params[path].array)}
    zeros = jax.tree.map(jax.numpy.zeros_like, params)
    transformation = optax.with_extra_args_support(optimizer.transformation)
    state = transformation.init(params)
    for _ in range(_UPDATES):
        updates, state = transformation.update(zeros, state, params)
        yield np.asarray(updates[path_text(path)])
