"""Why a trainable leaf never moved: what its run shows, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.pytrees.comparison import same_value
from ...reference.pytrees.paths import Path


def reasons_to_stay(subject: Any, trajectory: Trajectory, path: Path) -> Iterator[str]:
    """Yield why a leaf did not move in a run of a trainer or a wrapper, the surest first."""
    if _is_bare(trajectory, path):
        yield (
            "it is an array, and no variable, so that no filter finds it: `layer.kernel = array` "
            "puts the array in the place of the variable, `layer.kernel[...] = array` into it"
        )
    if _is_untouched(trajectory):
        if _moves_uncompiled(subject, trajectory.problem, path):
            yield (
                "it moves where the step is not compiled: `jax.jit` gives nothing back of what a "
                "step does in place; `nnx.jit` does"
            )
        yield "the step changes nothing of what the training carries"
    steps = [step for step in trajectory.steps if path in step.trainable]
    given = [step.given for step in steps if step.given]
    if not given:
        return
    gradients = [each.gradients[path] for each in given if path in each.gradients]
    if not gradients:
        known = frozenset().union(*(each.gradients for each in given))
        if not known & steps[0].trainable:
            yield (
                "the optimizer gets no trainable leaf at all: the mask is inverted, or is a "
                "function where a tree is expected, which is true for all leaves"
            )
        yield "the optimizer never gets the leaf: a mask, a label or a filter leaves it out"
    elif not any(np.any(leaf) for leaf in gradients):
        yield "its gradient is zero by the time that the optimizer gets it"
    else:
        yield "the optimizer gets its gradient: what it makes of it is not applied, or is undone"


def _is_bare(trajectory: Trajectory, path: Path) -> bool:
    """Tell whether a leaf is an array among variables of NNX."""
    leaves = trajectory.first.params
    return leaves[path].kind is None and any(leaf.kind for leaf in leaves.values())


def _is_untouched(trajectory: Trajectory) -> bool:
    """Tell whether no step changed anything that can be seen."""
    return all(map(_changes_nothing, trajectory.steps))


def _changes_nothing(step: Step) -> bool:
    before, after = step.before.rest, step.after.rest
    return (
        before is not None
        and after is not None
        and before.keys() == after.keys()
        and all(same_value(leaf.array, after[path].array) for path, leaf in before.items())
    )


def _moves_uncompiled(subject: Any, problem: Any, path: Path) -> bool:
    """Tell whether a leaf moves where the step is run operation by operation."""
    from ...reference.observation.run import run  # here, since the law book is read without JAX

    with jax.disable_jit():
        other = run(subject, problem)
    if other.raised is not None or not other.steps:
        return False
    first, last = other.first.params, other.last.params
    return path in last and not same_value(first[path].array, last[path].array)
