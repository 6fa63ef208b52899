"""Optax wrappers under test: `fn(optimizer, mask) -> optimizer`, where True in the mask freezes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jax
import optax

from ..observation.trajectory import Moment, Step, Trajectory
from ..optimizers.recording import recording
from ..problems.wrapper_problem import TreeProblem
from ..pytrees.paths import Path, named_leaves, path_text
from ..pytrees.snapshot import Snapshot, snapshot
from .exercise import require_call, require_collection
from .user_errors import let_through


@dataclass(frozen=True)
class OptaxFreeze:
    """A function `fn(optimizer, mask) -> optimizer` that keeps it from moving masked leaves.

    `mask` is a tree of bools like the parameters, True = frozen. `optimizers` tells under which
    optimizers it promises to freeze: "common", "all" or a strategy of
    `frostproof.strategies.optimizers`; `promise` which guarantees. Raises `UnusableSubject` where
    `fn` does not take two positional arguments.
    """

    fn: Callable[[Any, Any], Any]
    optimizers: Any = "common"
    promise: Collection[str] = ("selected", "value")

    kind = "optax"
    #: What laws may need of it; `needs` in the law book.
    abilities = frozenset({"tree", "wrapper", "optimizer", "opt_state"})

    def __post_init__(self) -> None:
        require_call(self.fn, "an Optax wrapper", "fn(optimizer, mask)")
        require_collection("promise", self.promise)

    def read_problem(self, record: Any) -> TreeProblem:
        """Return the problem of a record."""
        return TreeProblem.read(record)

    def run(self, problem: TreeProblem, *, watched: bool = False) -> Trajectory:
        """Train the drawn parameters by the drawn gradients, with the optimizer that `fn` makes."""
        del watched
        trajectory = Trajectory(problem)
        steps: list[Step] = []
        trajectory.steps = steps
        try:
            optimizer = self._frozen(problem)
            if not callable(getattr(optimizer, "update", None)):
                trajectory.malformed = f"a {type(optimizer).__name__}, no optimizer"
                return trajectory
            frozen = frozen_leaves(problem, snapshot(problem.params()))
            self._train(problem, optimizer, frozen, steps)
        except BaseException as error:
            let_through(error)
            trajectory.raised = error
        return trajectory

    def matters(self, trajectory: Trajectory, path: Path) -> bool:
        """Tell whether the drawn gradients of a leaf are such that it has to move."""
        problem: TreeProblem = trajectory.problem
        drawn = [named_leaves(problem.gradient(step + 1))[path] for step in range(problem.steps)]
        return problem.gradients == "ordinary" and any(leaf.any() for leaf in drawn)

    def _frozen(self, problem: TreeProblem) -> Any:
        optimizer, mask = recording(problem.optimizer.transformation), problem.mask()
        match problem.applied:
            case "no freeze":
                return optimizer
            case "nothing":
                return self.fn(optimizer, jax.tree.map(lambda frozen: False, mask))
            case "everything":
                return self.fn(optimizer, jax.tree.map(lambda frozen: True, mask))
            case "twice":
                return self.fn(self.fn(optimizer, mask), mask)
            case "in two parts":
                first, second = problem.halves()
                return self.fn(self.fn(optimizer, first), second)
            case "in two parts, the other way round":
                first, second = problem.halves()
                return self.fn(self.fn(optimizer, second), first)
        return self.fn(optimizer, mask)

    def _train(
        self,
        problem: TreeProblem,
        optimizer: Any,
        frozen: frozenset[Path],
        steps: list[Step],
    ) -> None:
        update, apply = optimizer.update, optax.apply_updates
        if problem.jitted:
            update = jax.jit(update)
        # JAX arrays, as a program would hold them: Optax treats NumPy's in-place dtypes otherwise.
        params = jax.tree.map(jax.numpy.asarray, problem.params())
        state = optimizer.init(params)
        before = Moment(snapshot(params), snapshot(state))
        for number in range(1, problem.steps + 1):
            gradient = jax.tree.map(jax.numpy.asarray, problem.gradient(number))
            updates, state = update(gradient, state, params)
            params = apply(params, updates)
            after = Moment(snapshot(params), snapshot(state))
            steps.append(Step(before, after, frozen, number, optimizer=problem.optimizer))
            before = after


def frozen_leaves(problem: TreeProblem, params: Snapshot) -> frozenset[Path]:
    """Return the paths that a problem freezes, as it applies the freeze."""
    if problem.applied in ("no freeze", "nothing"):
        return frozenset()
    if problem.applied == "everything":
        return frozenset(params)
    masked = {path_text(path): frozen for path, frozen in named_leaves(problem.mask()).items()}
    return frozenset(path for path in params if masked[path_text(path)])
