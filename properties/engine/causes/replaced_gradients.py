"""What a trainer does where the gradients of frozen leaves are others than it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from jax.numpy import ones_like, zeros_like

from ....reference.observation.gradient_hooks import Disturbance, disturbing_gradients
from ....reference.observation.trajectory import Step
from ....reference.problems.wrapper_problem import TreeProblem
from ....reference.pytrees.comparison import same_value
from ....reference.pytrees.paths import Path
from .reruns import run_under


def raw_of_a_trainer(subject: Any, problem: Any, step: Step, path: Path) -> frozenset[Path]:
    """Return the frozen leaves to which a trainer adds 1 where each of their gradients is 1, if a
    leaf that moves in a step is one of them and no optimizer that is called gets it.
    """
    if not step.recordings or path in step.reached:
        return frozenset()
    steps = _replaced(subject, problem, step, path, ones_like)
    same = (each for each in steps if each.number == step.number)
    raw = frozenset(leaf for each in same for leaf in each.frozen if _grows_by_one(each, leaf))
    return raw if path in raw else frozenset()


def steps_without_gradients(subject: Any, problem: Any, step: Step, path: Path) -> Sequence[Step]:
    """Return the steps of a trainer where the gradients of leaves that are frozen in a step are
    zeros, or those of whole arrays that may hold the leaf; none where it is not seen that
    it takes one of this leaf, or of such an array.
    """
    steps = _replaced(subject, problem, step, path, zeros_like)
    return steps or _steps_without_wholes(subject, problem, step, path)


def _steps_without_wholes(subject: Any, problem: Any, step: Step, path: Path) -> Sequence[Step]:
    """Return the steps of a trainer with zeros for the gradients of the arrays that may hold a
    leaf, where `params=` shows it as a part.
    """
    if getattr(subject, "params", None) is None:
        return ()
    shape, found = step.before.params[path].array.shape, list[Any]()

    def without(gradient: Any) -> Any:
        if not is_part(shape, gradient.shape):
            return gradient
        found.append(gradient.shape)
        return zeros_like(gradient)

    shapes = {each: leaf.array.shape for each, leaf in step.before.params.items()}
    name = f"zeros_like around {shape}"
    replaced = Disturbance(name, shapes, frozenset(), change_unknown=without)
    with disturbing_gradients(replaced):
        steps = run_under(subject, problem, problem.optimizer)
    return steps if found else ()


def is_part(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Tell whether an array can be a layer of another, a piece along one axis, or a choice of its
    elements.
    """
    if len(shape) != len(whole):
        return shape == whole[1:] or (len(shape) == 1 and shape[0] < prod(whole))
    differing = [own < of_all for own, of_all in zip(shape, whole, strict=True) if own != of_all]
    return differing == [True]


def _replaced(
    subject: Any,
    problem: Any,
    step: Step,
    path: Path,
    change: Callable[[Any], Any],
) -> Sequence[Step]:
    if isinstance(problem, TreeProblem):  # its gradients are drawn
        return ()
    shapes = {each: leaf.array.shape for each, leaf in step.before.params.items()}
    replaced = Disturbance(
        change.__name__, shapes, step.frozen, change=lambda gradient, _: change(gradient)
    )
    with disturbing_gradients(replaced):
        steps = run_under(subject, problem, problem.optimizer)
    return steps if path in replaced.sighting.found else ()


def _grows_by_one(step: Step, path: Path) -> bool:
    old, new = step.before.params[path].array, step.after.params[path].array
    return bool(same_value((old + 1).astype(old.dtype), new))
