"""Begins a training with other weights than those that the program makes, and asks for its loss."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Iterator
from itertools import count
from typing import Any

import jax
import numpy as np

from ..observation.shared_programs import may_share, share_program
from ..observation.trainer_run import reweigh
from ..observation.trajectory import Step
from ..optimizers.recording import handed
from ..problems.training_problem import TrainingProblem
from ..pytrees.paths import Path, named_leaves, normalise, path_text
from ..subjects.trainer import Trainer
from ..subjects.training import Training, select_frozen

#: A gradient, or a relative change of a loss, that exceeds rounding.
TELLING = 1e-3

#: Makes other values of those of a leaf; it is given the path first.
Change = Callable[[Path, Any], Any]


def keep(path: Path, leaf: Any) -> Any:
    """Change nothing."""
    return leaf


def shift(path: Path, leaf: Any) -> Any:
    """Scale and shift all values alike, which keeps positive ones positive."""
    return leaf * 1.5 + 0.5


def scatter(path: Path, leaf: Any) -> Any:
    """Move each value otherwise: a norm, a softmax or an argmax takes back what moves all alike."""
    return scattered(path, leaf, seed=0)


def scatter_again(path: Path, leaf: Any) -> Any:
    """Move each value otherwise, and not as `scatter` does."""
    return scattered(path, leaf, seed=1)


def nudge(path: Path, leaf: Any) -> Any:
    """Move each value otherwise, and by little."""
    return scattered(path, leaf, seed=0, size=0.05)


def nudge_again(path: Path, leaf: Any) -> Any:
    """Move each value by little, and not as `nudge` does."""
    return scattered(path, leaf, seed=1, size=0.05)


def scattered(path: Path, leaf: Any, *, seed: int, size: float = 1.0) -> Any:
    """Move each value by a normal number of this size, and those of each leaf by others."""
    generator = np.random.default_rng((seed, *path_text(path).encode()))
    return leaf + (size * generator.standard_normal(np.shape(leaf))).astype(leaf.dtype)


@functools.lru_cache(maxsize=64)  # leaf after leaf is asked of the same problem
def first_loss(
    trainer: Trainer,
    problem: TrainingProblem,
    paths: frozenset[Path] | None,
    change: Change,
    batch: int = 1,
    *,
    shared: bool = False,
    after: int = 0,
) -> float | None:
    """Return the loss of the first step of a new training, or of one `after` so many steps, on the
    batch of this number, once some leaves, or all for None, were changed; None where it is not
    known.
    """
    try:
        training = begin(trainer, problem, paths, change, shared=shared, after=after)
        return float(np.asarray(training.step(problem.batch(batch))))
    except Exception:  # no loss, or no way to put parameters in place: nothing is known
        return None


def losses_from(
    trainer: Trainer, problem: TrainingProblem, paths: Container[Path], change: Change, many: int
) -> Iterator[float]:
    """Yield the losses of so many steps of a new training, begun as `begin` does by a program that
    others may share.
    """
    training = begin(trainer, problem, paths, change, shared=True)
    for number in range(1, many + 1):
        yield float(np.asarray(training.step(problem.batch(number))))


def begin(
    trainer: Trainer,
    problem: TrainingProblem,
    paths: Container[Path] | None,
    change: Change,
    *,
    shared: bool = False,
    after: int = 0,
) -> Training:
    """Return a new training in which some leaves, or all for None, were changed.

    Args:
        trainer: the code under test.
        problem: what it is given.
        paths: the leaves.
        change: what is done to each.
        shared: let it share the programs of others of its structure: what accuses must not.
        after: the steps that it trains before they are changed.

    Raises:
        Exception: where the program raises, or other values cannot be put in the place of a leaf.
    """

    def changed(key_path: Any, leaf: Any) -> Any:
        path = normalise(key_path)
        return change(path, leaf) if paths is None or path in paths else leaf

    optimizer = handed(trainer.train_step, problem.optimizer.transformation)
    training = trainer.begin(problem.seed, problem.batch(1), optimizer)
    if shared and may_share(trainer, problem):
        share_program(training)
    if problem.weights != "initialised":
        reweigh(training, problem, frozenset())
    for number in range(1, after + 1):
        training.step(problem.batch(number))
    try:
        training.set_params(jax.tree_util.tree_map_with_path(changed, training.params()))
    except Exception:  # the program keeps parameters in a place that it alone knows
        for path, leaf in named_leaves(training.params()).items():
            if paths is None or path in paths:
                change_in_place(training, path, leaf, change)
    _go_to_the_thaw(training, problem)
    return training


def to_the_thaw(problem: TrainingProblem) -> tuple[str, ...]:
    """Return what a problem does until it unfreezes all, and that; nothing where it does not. What
    a program prepares for its frozen steps it may keep.
    """
    actions = problem.actions
    return actions[: actions.index("unfreeze") + 1] if "unfreeze" in actions else ()


def _go_to_the_thaw(training: Training, problem: TrainingProblem) -> None:
    step = count(1)
    for action in to_the_thaw(problem):
        if action == "step":
            training.step(problem.batch(next(step)))
        elif action == "freeze":
            frozen = select_frozen(training).params
            training.refreeze(tuple(map(path_text, sorted(frozen))))
        else:
            training.refreeze(())


def steps_from(
    trainer: Trainer,
    problem: TrainingProblem,
    paths: Container[Path] | None,
    change: Change,
    many: int,
) -> Iterator[Step]:
    """Yield so many steps of a new training, begun as `begin` does."""
    training = begin(trainer, problem, paths, change)
    for number in range(1, many + 1):
        before = training.moment()
        training.step(problem.batch(number))
        yield Step(before, training.moment(), frozenset(), number)


def change_in_place(training: Training, path: Path, array: Any, change: Change) -> None:
    """Change an array wherever it is in all that a training carries from step to step.

    Raises `LookupError` where it is not found once.
    """
    everything = training.everything()
    if [leaf is array for leaf in jax.tree.leaves(everything)].count(True) != 1:
        raise LookupError("the array is not a leaf, or several of them")
    training.set_everything(
        jax.tree.map(lambda leaf: change(path, leaf) if leaf is array else leaf, everything)
    )


def differs(plain: float, perturbed: float | None) -> bool:
    """Tell whether a loss is another one, also where it is not known."""
    return perturbed is None or abs(plain - perturbed) > TELLING * abs(plain)


def is_placeholder(trainer: Trainer, problem: TrainingProblem, *, shared: bool = False) -> bool:
    """Tell whether the loss stays the same whatever all leaves are, as a 0.0 in its place does: of
    no leaf it tells whether it matters.
    """
    plain, *others = (
        first_loss(trainer, problem, None, change, shared=shared)
        for change in (keep, shift, scatter)
    )
    return plain is not None and not any(differs(plain, other) for other in others)
