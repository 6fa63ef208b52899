"""Optimizers under which a subject raises: the others keep their verdicts, and these get named."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...reference.observation.trajectory import Trajectory
from ...reference.optimizers.catalogue import COMMON
from ...reference.optimizers.declared import Optimizers
from ...reference.optimizers.optimizer import Optimizer
from ...reference.optimizers.optimizer import optimizer as row
from ...reference.problems.wrapper_problem import TreeProblem, leaf_paths
from .causes.reason import Reason
from .example_labels import optimizer_name

#: An optimizer that raised so often is not drawn any more. Each time may be a compilation.
PATIENCE = 3


@dataclass
class ByOptimizer:
    """How many examples ran to their end, and how many did not, under each optimizer."""

    finished: Counter[str] = field(default_factory=Counter)
    unfinished: Counter[str] = field(default_factory=Counter)

    def note(self, problem: Any, *, finished: bool) -> None:
        """Count an example, if its problem has an optimizer."""
        if (name := _name(problem)) is not None:
            (self.finished if finished else self.unfinished)[name] += 1

    @property
    def raising(self) -> Mapping[str, int]:
        """How often it raised under the optimizers under which it never ran, while it does under
        others; empty where it runs under none.
        """
        if not self.finished:
            return {}
        return {name: n for name, n in self.unfinished.items() if not self.finished[name]}

    def gives_up(self, problem: Any) -> bool:
        """Tell whether enough problems with this optimizer raised to leave out further ones."""
        return self.raising.get(_name(problem) or "", 0) >= PATIENCE


def _name(problem: Any) -> str | None:
    optimizer = getattr(problem, "optimizer", None)
    return None if optimizer is None else optimizer_name(optimizer)


def judged_without(raising: Collection[str]) -> str | None:
    """Say which optimizers a verdict is not about; None where it is about all."""
    # One that raises by itself also does behind another, which nobody has to be told.
    names = sorted(name for name in raising if name.partition(" in ")[0] not in {*raising} - {name})
    if not names:
        return None
    return f"not judged under {', '.join(names)}, where each example raised: see training-runs"


#: What no batch is to blame for.
_ELSEWHERE = (OSError, ImportError, MemoryError, RecursionError)


def raises_under(subject: Any, trajectory: Trajectory) -> Reason | None:
    """Say under which optimizers a problem raises, and under which it does not.

    Tried are those that the subject promises by name. Where they all raise, it is not the
    optimizer's: then it is said what a trainer is given that names no batches, if not even one step
    is done, and else nothing.
    """
    from ...reference.observation.run import run  # here, since the law book is read without JAX

    found = trajectory.problem.optimizer
    if not isinstance(found, Optimizer):
        return None
    outcomes = {optimizer_name(found): True}
    for name in _promised(subject):
        other = replace(found, inner=row(name)) if found.inner else row(name)
        if optimizer_name(other) not in outcomes:
            ran = run(subject, replace(trajectory.problem, optimizer=other))
            outcomes[optimizer_name(other)] = ran.raised is not None
    raising = [name for name, raised in outcomes.items() if raised]
    running = [name for name, raised in outcomes.items() if not raised]
    if not running:
        all_frozen = _of_all_frozen(subject, trajectory.problem)
        of_optax = _of_labels(trajectory) or _of_leaves(trajectory)
        return all_frozen or of_optax or _of_batches(subject, trajectory)
    text = f"it raises under {', '.join(raising)}; it runs under {', '.join(running)}"
    return Reason("raises", text)


def _of_all_frozen(subject: Any, problem: Any) -> Reason | None:
    """Say that a wrapper raises only where it leaves nothing to train, as `optax.flatten` does."""
    from ...reference.observation.run import run  # here, as above

    if not isinstance(problem, TreeProblem) or set(problem.frozen) < set(leaf_paths(problem.tree)):
        return None
    if run(subject, replace(problem, frozen=problem.frozen[1:])).raised is not None:
        return None
    return Reason("raises", "it raises where all leaves are frozen, and runs where one trains")


#: Modules that get gradients, and no batch.
_OPTIMIZING = (
    "flax.nnx.training.optimizer",
    "flax.training.train_state",
    "optax._src.update",
    "optax._src.combine",
    "optax.transforms",
)


#: Modules that call a function of labels or of a mask, in newer and older releases of Optax.
_CALLING_LABELS = (
    "optax.transforms._combining",
    "optax.transforms._masking",
    "optax._src.combine",
    "optax._src.wrappers",
)


def _of_labels(trajectory: Trajectory) -> Reason | None:
    """Say with what Optax calls a function of labels or of a mask that takes something else."""
    raised = trajectory.raised
    frames = [frame for frame, _ in traceback.walk_tb(raised.__traceback__ if raised else None)]
    # The call itself fails, inside Optax: nothing of the function is run.
    if (
        not isinstance(raised, TypeError)
        or "positional argument" not in str(raised)
        or not frames
        or frames[-1].f_globals.get("__name__") not in _CALLING_LABELS
    ):
        return None
    return Reason(
        "raises",
        "it raises under each optimizer, where Optax calls a function of labels or of a mask, "
        "which gets the tree of parameters alone: one that takes a path and a leaf is mapped over "
        "that tree, as `jax.tree_util.tree_map_with_path` does",
    )


def _of_leaves(trajectory: Trajectory) -> Reason | None:
    """Say what differs where an optimizer raises that was given the gradients of other leaves."""
    frames = traceback.walk_tb(trajectory.raised.__traceback__ if trajectory.raised else None)
    names = [frame.f_globals.get("__name__", "") for frame, _ in frames]
    if not isinstance(trajectory.raised, ValueError | TypeError | KeyError) or not any(
        name.startswith(_OPTIMIZING) for name in names
    ):
        return None
    if told := _of_containers(str(trajectory.raised)):
        return told
    return Reason(
        "raises",
        "it raises under each optimizer, where the optimizer is at work: usually the gradients, "
        "its masks or labels are of other leaves than those that it was made for, as by another "
        "filter in `nnx.DiffState` than in `wrt=`",
    )


#: How JAX says that one tree has another container than a tree that it is mapped with.
_CONTAINERS = re.compile(
    r"subtree of type\s+<class '([\w.]+)'>.*different type\s+<class '([\w.]+)'>", re.DOTALL
)


def _of_containers(message: str) -> Reason | None:
    """Say which containers differ where a tree is mapped with one of others, as masks are."""
    found = _CONTAINERS.search(message)
    if found is None:
        return None
    one, other = map(_container, found.groups())
    return Reason(
        "raises",
        "it raises under each optimizer, where the optimizer maps one tree with another: one has "
        f"{one} where the other has {other}; a mask, labels and gradients need the very containers "
        "of the parameters that the optimizer gets",
    )


def _container(name: str) -> str:
    """Name a type of JAX's message; what stands for an array while a step is traced is one."""
    short = name.rpartition(".")[-1]
    if short.endswith(("Tracer", "ArrayImpl")):
        return "an array"
    return "None" if short == "NoneType" else f"a `{short}`"


def _of_batches(subject: Any, trajectory: Trajectory) -> Reason | None:
    from ...reference.subjects.trainer import Trainer  # here: the law book is read without JAX

    if trajectory.steps or not isinstance(subject, Trainer) or subject.batches is not None:
        return None
    if not isinstance(trajectory.raised, Exception) or isinstance(trajectory.raised, _ELSEWHERE):
        return None
    batch = trajectory.problem.batch(1)
    x, y = (f"{leaf.dtype}{list(leaf.shape)}" for leaf in (batch.x, batch.y))
    return Reason(
        "raises",
        f"it raises under each optimizer, on a batch of x {x} and y {y}: a program of other "
        "inputs, such as whole numbers for labels, needs `batches=`",
    )


def _promised(subject: Any) -> tuple[str, ...]:
    optimizers = getattr(subject, "optimizers", None)
    return optimizers.names if isinstance(optimizers, Optimizers) else COMMON
