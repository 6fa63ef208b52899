"""What happened in a counterexample, leaf by leaf and step by step, as JSON can hold it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...reference.numerics.error_bounds import Bounded
from ...reference.observation.exercise_run import Call
from ...reference.observation.trajectory import Step, Trajectory
from ...reference.oracles.exercise_oracle import oracle_of
from ...reference.pytrees.comparison import NO_DISTANCE, changes, ulps
from ...reference.pytrees.paths import Path, path_text
from ...reference.pytrees.snapshot import Snapshot
from ..laws.requirements.layers import frozen_statistics
from .causes.leaves import moves

#: A person reads no more; a report of many counterexamples stays small.
_STEPS, _LEAVES = 8, 24


def course(call: Any) -> dict[str, Any]:
    """Return what a subject did with one problem: of a trainer or wrapper the steps, with the worst
    element of each leaf; of an exercise its answer, beside what was expected.
    """
    if isinstance(call, Trajectory):
        return {"steps": [_step(step) for step in call.steps[:_STEPS]]}
    if isinstance(call, Call) and call.answer is not None:
        return {"answer": list(_answer(call))}
    return {}


def _step(step: Step) -> dict[str, Any]:
    before, after = step.before.params, step.after.params
    known = sorted({*before, *after}, key=lambda path: (path not in step.frozen, path))
    leaves = [
        *({"frozen": True} | _leaf(path, *step.model_state) for path in sorted(_statistics(step))),
        *({"frozen": path in step.frozen} | _leaf(path, before, after) for path in known),
    ][:_LEAVES]
    return {"step": step.number, "loss": step.loss, "leaves": leaves}


def _statistics(step: Step) -> frozenset[Path]:
    """Return the statistics that are frozen by name, and those of frozen layers where no frozen
    leaf moves: then they are what is told.
    """
    moved = any(moves(step, path) for path in step.frozen)
    return step.frozen_statistics if moved else frozen_statistics(step)


def _leaf(path: Path, before: Snapshot, after: Snapshot) -> dict[str, Any]:
    leaf: dict[str, Any] = {"leaf": path_text(path)}
    found = changes(before, after, [path], "bits")
    if not found:
        return leaf | {"changed": 0, "of": after[path].array.size}
    (change,) = found
    leaf |= {"changed": change.count, "of": change.size}
    if change.before is None or change.after is None:
        return leaf | {"what": change.what}
    pair = {"before": _number(change.before), "after": _number(change.after)}
    return leaf | pair | {"ulps": change.ulps}


def _number(element: np.generic) -> float | None:
    return None if np.iscomplexobj(element) else float(element)


def _answer(call: Call) -> Iterator[dict[str, Any]]:
    norm = oracle_of(call.problem).kernel_norm
    for name, reported, expected in (
        ("loss", call.loss, oracle_of(call.problem).loss),
        ("norm after", call.norm_after, norm),
        ("norm before", call.norm_before, norm),
    ):
        yield {"name": name, "reported": reported} | _bounds(expected)


def _bounds(expected: Bounded) -> dict[str, float]:
    """Return nothing where a sum could overflow in some order: then nothing is expected."""
    if expected.may_overflow:
        return {}
    return {"expected": float(expected.value), "bound": float(expected.error)}


def drift(subject: Any, problem: Any, call: Any) -> dict[str, Any]:
    """Return how far frozen leaves that moved in a call go on moving over more steps, in ulps from
    where they were; None where a leaf became NaN.

    Empty where none moved, or where the problem is more than a number of steps.
    """
    moved = _moved(call) if isinstance(call, Trajectory) else []
    longer = _longer(problem)
    if not moved or longer is None:
        return {}
    from ...reference.observation.run import run  # here, since the law book is read without JAX

    steps = run(subject, longer).steps
    if len(steps) < 2:
        return {}
    start = steps[0].before.params
    return {
        path_text(path): [_distance(start, step.after.params, path) for step in steps]
        for path in moved[:_LEAVES]
        if path in start
    }


def _moved(call: Trajectory) -> list[Path]:
    return sorted(
        {
            change.path
            for step in call.steps
            for change in changes(
                step.before.params,
                step.after.params,
                [path for path in step.frozen if path in step.after.params],
                "value",
            )
            if change.before is not None
        }
    )


def _longer(problem: Any) -> Any:
    if hasattr(problem, "tree"):
        return replace(problem, steps=_STEPS)
    if set(getattr(problem, "actions", ())) == {"step"}:
        return replace(problem, actions=("step",) * _STEPS)
    return None


def _distance(start: Snapshot, now: Snapshot, path: Path) -> int | None:
    if path not in now or now[path].array.shape != start[path].array.shape:
        return None
    if now[path].array.dtype != start[path].array.dtype or not now[path].array.size:
        return None
    worst = int(ulps(start[path].array, now[path].array).max())
    return None if worst == NO_DISTANCE else worst


def courses(calls: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what happened in each run of a counterexample."""
    return [found for call in calls if (found := course(call))]
