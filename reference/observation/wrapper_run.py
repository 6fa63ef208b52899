"""How an Optax wrapper is run: it trains drawn parameters by drawn gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

from ..optimizers.recording import recording
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.paths import Path, named_leaves, path_text
from ..pytrees.snapshot import Snapshot, snapshot
from ..subjects.moment import Moment
from ..subjects.optax_wrapper import OptaxFreeze
from ..subjects.user_errors import let_through
from .trajectory import Step, Trajectory


def run_wrapper(wrapper: OptaxFreeze, problem: TreeProblem) -> Trajectory:
    """Train the drawn parameters with the optimizer that a wrapper makes; an exception is kept."""
    trajectory = Trajectory(problem)
    try:
        trajectory.at_work = "the wrapper"
        optimizer = _wrap(wrapper.fn, problem)
        if not callable(getattr(optimizer, "update", None)):
            trajectory.malformed = f"a {type(optimizer).__name__}, no optimizer"
            return trajectory
        frozen = frozen_leaves(problem, snapshot(problem.params()))
        _train(problem, optimizer, frozen, trajectory)
    except BaseException as error:
        let_through(error)
        trajectory.raised = error
    return trajectory


def _wrap(fn: Callable[[Any, Any], Any], problem: TreeProblem) -> Any:
    """Return the optimizer of a problem, frozen as the problem applies the freeze."""
    optimizer, mask = recording(problem.optimizer.transformation), problem.mask()
    match problem.applied:
        case "no freeze":
            return optimizer
        case "nothing":
            return fn(optimizer, jax.tree.map(lambda frozen: False, mask))
        case "everything":
            return fn(optimizer, jax.tree.map(lambda frozen: True, mask))
        case "twice":
            return fn(fn(optimizer, mask), mask)
        case "in two parts":
            first, second = problem.halves()
            return fn(fn(optimizer, first), second)
        case "in two parts, the other way round":
            first, second = problem.halves()
            return fn(fn(optimizer, second), first)
    return fn(optimizer, mask)


def _train(
    problem: TreeProblem,
    optimizer: Any,
    frozen: frozenset[Path],
    trajectory: Trajectory,
) -> None:
    update, apply = optimizer.update, optax.apply_updates
    if problem.jitted:
        update = jax.jit(update)
    # JAX arrays, as a program would hold them: Optax treats NumPy's in-place dtypes otherwise.
    params = jax.tree.map(jax.numpy.asarray, problem.params())
    state = optimizer.init(params)
    before = Moment(snapshot(params), snapshot(state))
    for number in range(1, problem.steps + 1):
        trajectory.at_work = f"step {number}"
        gradient = jax.tree.map(jax.numpy.asarray, problem.gradient(number))
        updates, state = update(gradient, state, params)
        params = apply(params, updates)
        after = Moment(snapshot(params), snapshot(state))
        trajectory.steps.append(Step(before, after, frozen, number, optimizer=problem.optimizer))
        before = after


def frozen_leaves(problem: TreeProblem, params: Snapshot) -> frozenset[Path]:
    """Return the paths that a problem freezes, as it applies the freeze."""
    if problem.applied in ("no freeze", "nothing"):
        return frozenset()
    if problem.applied == "everything":
        return frozenset(params)
    masked = {path_text(path): frozen for path, frozen in named_leaves(problem.mask()).items()}
    return frozenset(path for path in params if masked[path_text(path)])
