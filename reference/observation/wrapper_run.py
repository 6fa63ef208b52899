"""Runs an Optax wrapper: its optimizer trains drawn parameters by drawn gradients."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import jax
import optax

from ..optimizers.recording import handed
from ..optimizers.state_looks import as_it_would
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.articles import a_type_of
from ..pytrees.paths import Path, named_leaves
from ..pytrees.snapshot import snapshot
from ..subjects.moment import Moment
from ..subjects.optax_wrapper import OptaxFreeze
from ..subjects.user_errors import let_through
from .trajectory import Step, Trajectory


def run_wrapper(wrapper: OptaxFreeze, problem: TreeProblem) -> Trajectory:
    """Train drawn parameters with the optimizer that a wrapper makes; an exception is kept."""
    return as_it_would(wrapper.fn, lambda: _run(wrapper, problem))


def _run(wrapper: OptaxFreeze, problem: TreeProblem) -> Trajectory:
    trajectory = Trajectory(problem)
    try:
        trajectory.at_work = "the wrapper"
        optimizer, masks = handed(wrapper.fn, problem.optimizer.transformation), problem.masks()
        for mask in masks:
            optimizer = wrapper.fn(optimizer, mask)
        if not callable(getattr(optimizer, "update", None)):
            trajectory.malformed = f"{a_type_of(optimizer)}, which is not an optimizer"
            return trajectory
        _train(problem, optimizer, frozen_by(masks), trajectory)
    except BaseException as error:
        let_through(error)
        trajectory.raised = error
    return trajectory


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


def frozen_by(masks: Iterable[Any]) -> frozenset[Path]:
    """Return the paths that any of these trees of bools freezes."""
    leaves = (named_leaves(mask).items() for mask in masks)
    return frozenset(path for path, frozen in chain.from_iterable(leaves) if frozen)
