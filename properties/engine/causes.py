"""Why a frozen leaf moved, or a training raised: what variations of the problem tell, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...reference.observation.trajectory import Step, Trajectory
from ...reference.optimizers.optimizer import Optimizer
from ...reference.pytrees.comparison import same_value
from ...reference.pytrees.paths import Path, path_text
from ..laws.law import Law, Refutation, SubjectRaised
from .raising import raises_under
from .stillness import reasons_to_stay

#: The guarantees whose laws are about frozen leaves alone.
_OF_FROZEN_LEAVES = ("norm", "value", "bits")


def cause_of(law: Law, subject: Any, calls: Sequence[Any], found: Refutation) -> str | None:
    """Say which leaves moved and what moves them, as far as other runs of the same problem show.

    Where the subject raised, say under which optimizers it does. Returns None for laws about
    something else, and where nothing is known.
    """
    if not isinstance(calls[0], Trajectory):
        return None
    trajectory: Trajectory = calls[0]
    if isinstance(found, SubjectRaised):
        return raises_under(subject, trajectory)
    if law.over_the_run and "path" in found.facts and trajectory.steps:
        if found.facts["path"] not in trajectory.first.params:
            return None
        return next(reasons_to_stay(subject, trajectory, found.facts["path"]), None)
    if law.id == "frozen-structure":
        return _untied(subject, trajectory)
    if law.guarantee not in _OF_FROZEN_LEAVES:
        return None
    steps = [each for each in trajectory.steps if _moved(each)]
    if not steps:
        return _only_bits(trajectory)
    path = next((p for p in _moved(steps[0]) if path_text(p) == found.facts.get("leaf")), None)
    if path is None:
        return None
    reasons = [next(_reasons(subject, trajectory, steps[0], path), None), _extent(trajectory)]
    return "; ".join(filter(None, reasons)) or None


def _moved(step: Step) -> list[Path]:
    """Return the frozen leaves whose value a step changed."""
    before, after = step.before.params, step.after.params
    return [
        path
        for path in sorted(step.frozen)
        if path in before
        and path in after
        and not same_value(before[path].array, after[path].array)
    ]


def _reasons(subject: Any, trajectory: Trajectory, step: Step, path: Path) -> Iterator[str]:
    """Yield what moves a leaf, the surest first."""
    problem = trajectory.problem
    optimizer = problem.optimizer
    gradient = step.given.gradients.get(path) if step.given else None
    if gradient is None and _moved_by(step, path, _drawn_gradient(problem, step, path)):
        yield "the raw gradient is added to the leaf: the optimizer that is handed on leaves it out"
    if isinstance(optimizer, Optimizer) and "learning_rate" in _settings(optimizer):
        if _still_moves(subject, problem, optimizer.at_rate(0.0), path):
            yield "the step itself moves the leaf: it moves at learning_rate=0, too"
        if _settings(optimizer).get("weight_decay"):
            undecayed = _with(optimizer, weight_decay=0.0)
            if _still_moves(subject, problem, undecayed, path) is False:
                name = (optimizer.inner or optimizer).name
                yield f"the decay of {name} moves the leaf: it stays with weight_decay=0"
    if scheduled := _taken_for_a_schedule(step):
        yield (
            f"`inject_hyperparams` takes the function `{scheduled}` for a schedule, and calls it "
            "with the number of updates: it is one truth for all leaves; name it in `static_args`"
        )
    if step.given is None:
        if spelt := _spelt(step, path):
            yield f"no rule seems to catch the leaf{spelt}"
        return
    if gradient is None:
        yield "something else moves the leaf: the optimizer never gets it"
    elif np.any(gradient != 0):
        yield (
            "the optimizer gets the gradient of the leaf: the freeze misses the leaf"
            f"{_spelt(step, path)}"
        )
    elif step.number > 1 and np.any(_earlier_gradient(trajectory, path)):
        yield f"{optimizer} moves the leaf by earlier gradients: the gradient is zero by now"
    else:
        yield f"{optimizer} moves the leaf although its gradient is zero"


def _taken_for_a_schedule(step: Step) -> str | None:
    """Return the hyperparameter of Optax's `inject_hyperparams` that is a truth value: it was meant
    as a mask, and has become one number.
    """
    for path, leaf in (step.after.rest or step.after.opt_state or {}).items():
        if path[-2:-1] == ("hyperparams",) and leaf.array.dtype == bool and not leaf.array.ndim:
            return path[-1]
    return None


def _spelt(step: Step, path: Path) -> str:
    """Say how the path of an NNX variable is spelt where a rule looks at it, if a rule seems to
    catch no leaf at all.
    """
    if step.before.params[path].kind is None or len(_moved(step)) < len(step.frozen):
        return ""
    from flax import nnx  # here: a program of Linen does without

    off = "" if nnx.set_graph_mode.current_value() else ", which is off here"
    keys, names = "".join(f"[{name!r}]" for name in path), "".join(f".{name}" for name in path)
    return (
        f", whose path is spelt {keys}.value in gradients of `nnx.grad`, {keys} in updates of "
        f"`nnx.Optimizer`, and {names}.value in `jax.grad` and without graph mode{off}"
    )


def _untied(subject: Any, trajectory: Trajectory) -> str | None:
    """Say of which leaf one that appears in a step is a copy: it was the same leaf before."""
    from ...reference.observation.run import run  # here, since the law book is read without JAX

    problem = trajectory.problem
    if not isinstance(problem.optimizer, Optimizer):
        return None
    if "learning_rate" in _settings(problem.optimizer):
        still = run(subject, replace(problem, optimizer=problem.optimizer.at_rate(0.0)))
        trajectory = trajectory if still.raised is not None else still
    for step in trajectory.steps:
        before, after = step.before.params, step.after.params
        for path in sorted(after.keys() - before.keys()):
            for other in sorted(before):
                if same_value(after[path].array, before[other].array):
                    return (
                        f"it was another name of {path_text(other)}, to which it was tied: a "
                        "module that goes through `jax.jit` as a tree comes back with two leaves; "
                        "split it by `nnx.split`, or use `nnx.jit`"
                    )
    return None


def _extent(trajectory: Trajectory) -> str | None:
    """Say which of the frozen leaves move: all, all under one layer, or all of one name."""
    frozen = sorted({path for step in trajectory.steps for path in step.frozen})
    moved = sorted({path for step in trajectory.steps for path in _moved(step)})
    if len(moved) == len(frozen):
        return f"all {len(moved)} frozen leaves move" if len(moved) > 1 else None
    for length in range(1, max(map(len, moved))):
        prefix = moved[0][:length]
        under = [path for path in frozen if path[:length] == prefix]
        if under == moved and len(moved) > 1:
            return f"all {len(moved)} leaves under `{path_text(prefix)}` move, no other frozen leaf"
    named = [path for path in frozen if path[-1] == moved[0][-1]]
    if named == moved and len(moved) > 1:
        return f"every frozen `{moved[0][-1]}` moves ({len(moved)}), no other frozen leaf"
    first = trajectory.first.params
    still = [first[path].array for path in frozen if path not in moved and path in first]
    zero = ", the others are zero" if not any(np.any(leaf != 0) for leaf in still) else ""
    return f"{len(moved)} of {len(frozen)} frozen leaves move{zero}"


def _only_bits(trajectory: Trajectory) -> str | None:
    """Say what became of leaves that kept their values and lost their bits."""
    for step in trajectory.steps:
        for path in sorted(step.frozen & step.after.params.keys()):
            before = step.before.params[path].array
            after = step.after.params[path].array
            if before.shape == after.shape and before.tobytes() != after.tobytes():
                return "something is added, even if zero: −0.0 + 0.0 is +0.0, a subnormal becomes 0"
    return None


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    return dict((optimizer.inner or optimizer).hyperparameters)


def _with(optimizer: Optimizer, **changed: float) -> Optimizer:
    """Return an optimizer, or the one inside a wrapper, with other hyperparameters."""
    if optimizer.inner is not None:
        return replace(optimizer, inner=_with(optimizer.inner, **changed))
    settings = dict(optimizer.hyperparameters) | changed
    return replace(optimizer, hyperparameters=tuple(settings.items()))


def _still_moves(subject: Any, problem: Any, optimizer: Optimizer, path: Path) -> bool | None:
    """Tell whether a leaf moves under another optimizer; None where that raises."""
    from ...reference.observation.run import run  # here, since the law book is read without JAX

    other = run(subject, replace(problem, optimizer=optimizer))
    if other.raised is not None or not other.steps:
        return None
    return any(path in _moved(step) for step in other.steps)


def _earlier_gradient(trajectory: Trajectory, path: Path) -> np.ndarray:
    given = [step.given.gradients.get(path) for step in trajectory.steps if step.given]
    return np.array([np.any(leaf != 0) for leaf in given if leaf is not None])


def _drawn_gradient(problem: Any, step: Step, path: Path) -> np.ndarray | None:
    """Return the gradient that a wrapper's problem has for a leaf; a trainer's is not known."""
    from ...reference.pytrees.paths import named_leaves

    if not hasattr(problem, "gradient"):
        return None
    leaf: np.ndarray | None = named_leaves(problem.gradient(step.number)).get(path)
    return leaf


def _moved_by(step: Step, path: Path, update: np.ndarray | None) -> bool:
    if update is None:
        return False
    with np.errstate(all="ignore"):
        expected = step.before.params[path].array + update
    return bool(same_value(expected, step.after.params[path].array))
