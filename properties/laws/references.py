"""The law book, reference trainers: laws for code that can freeze any leaves of any network."""

from __future__ import annotations

import functools
from typing import Any, cast

import numpy as np

from ...reference.observation.trajectory import Trajectory
from ...reference.problems.training_problem import TrainingProblem
from ...reference.pytrees.paths import UnmatchedPattern, path_text, select
from ...reference.subjects.capability import Capability
from ...strategies.problems import references
from .law import Inconclusive, Refutation, label, refute
from .requirements.agreement import require_agreement
from .requirements.training_law import recorder_needed, require_complete, require_kept, training_law


@training_law(
    "upstream-still-trains",
    guarantee="selected",
    needs=Capability.REFERENCE,
    draws=references.plain,
    budget={"a trainable layer lies before a frozen one": 0.2},
    meaning="The freeze cuts the backward pass: `stop_gradient` on an activation also freezes all "
    "layers before it.",
)
def layers_before_a_frozen_one_get_their_gradient(trajectory: Trajectory) -> None:
    """A trainable layer gets its full gradient, also before a frozen layer: the gradient lies
    within the bound of an independent NumPy computation.
    """
    from ...reference.oracles.network_oracle import (
        gradients,
    )  # here: a law book is read without JAX

    problem, step = trajectory.problem, trajectory.steps[0]
    given = recorder_needed(step)
    batch = problem.batch(1)
    expected = gradients(problem.architecture, step.before.params, batch.x, batch.y)
    if expected is None:
        raise Inconclusive("the oracle knows dense layers alone")
    order = {leaf: place for place, leaf in enumerate(problem.architecture.leaves)}
    last_frozen = max(order[path] for path in step.frozen)
    first_trainable = min((order[path] for path in step.trainable), default=len(order))
    label("a trainable layer lies before a frozen one", first_trainable < last_frozen)
    for path in sorted(step.trainable & given.gradients.keys()):
        bound, seen = expected[path], given.gradients[path].astype(np.float64)
        if bound.may_overflow:
            raise Inconclusive("a sum may overflow float32 in some order")
        far = ~(np.abs(seen - bound.value) <= bound.error)
        if far.any():
            index = tuple(int(i) for i in np.argwhere(far)[0])
            value, off = float(bound.value[index]), float(bound.error[index])
            refute(
                f"{path_text(path)}: the gradient is {seen[index]:.9g}, expected {value:.9g} ± "
                f"{off:.2g}",
                assertion=f"abs(float(given[0][{path_text(path)!r}][{index}]) - {value!r}) "
                f"<= {off!r}",
                leaf=path_text(path),
                observed=float(seen[index]),
                expected=value,
                bound=off,
            )


@training_law(
    "unmatched-pattern-is-an-error",
    guarantee="selected",
    needs=Capability.REFERENCE,
    draws=references.misspelt,
    judges_malformed=True,
    meaning="A mistyped name silently freezes nothing.",
)
def a_pattern_without_a_match_raises(trajectory: Trajectory) -> None:
    """A pattern that matches no leaf raises an error, and the message lists the existing paths."""
    error, paths = trajectory.raised, trajectory.problem.architecture.names
    if not isinstance(error, UnmatchedPattern):
        refute(
            f"{trajectory.problem.frozen} raised {error!r}",
            assertion="type(raised).__name__ == 'UnmatchedPattern'",
        )
    names = [path_text(path) for path in list(paths)[:20]]
    if not all(name in str(error) for name in names):
        refute(
            f"the message does not list the paths: {error}",
            assertion=f"all(name in str(raised) for name in {names!r})",
        )


@training_law(
    "same-selection-for-every-representation",
    guarantee="selected",
    needs=Capability.REFERENCE,
    draws=references.plain,
    meaning="Each form spells paths in its way (`['l1']`, `.l1`, with `.value` at the end), and a "
    "comparison of their text freezes something else, or nothing.",
)
def every_representation_gives_the_same_selection(trajectory: Trajectory) -> None:
    """The same leaves are frozen in a dict, a FrozenDict, an nnx.State, a pure dict and a module,
    and in the gradients that jax.grad and nnx.grad take of them.
    """
    from ...reference.pytrees.paths import named_leaves
    from ...reference.pytrees.representations import representations

    step = trajectory.steps[0]
    for name, tree in representations(step.before.params):
        selected = select(named_leaves(tree), trajectory.problem.frozen)
        for path in sorted(selected ^ step.frozen):
            side = "frozen" if path in selected else "trainable"
            asked = f"{name!r}, {trajectory.problem.frozen!r}"
            refute(
                f"{path_text(path)}: {side} in the representation {name!r}, and not in the run",
                assertion=f"({path!r} in selected(training, {asked})) == "
                f"({path!r} in selected(training, 'run', subject.frozen))",
                leaf=path_text(path),
            )


@training_law(
    "tied-weights-freeze-under-either-name",
    guarantee="selected",
    needs=Capability.REFERENCE,
    draws=references.tied,
    judges_malformed=True,
    meaning="The tree lists shared weights under one name, and a freeze of the other name silently "
    "does nothing.",
)
def tied_weights_freeze_under_either_name(trajectory: Trajectory) -> None:
    """A tied weight that is frozen by either of its names keeps its value, or the program raises an
    error that says that the weight is tied.
    """
    architecture, frozen = trajectory.problem.architecture, trajectory.problem.frozen
    if isinstance(trajectory.raised, ValueError) and "tied" in str(trajectory.raised):
        return
    require_complete(trajectory)
    shared = {architecture.names[path] for path in select(architecture.names, frozen)}
    label("frozen by its other name", any(name in frozen for name in references.TIED_NAMES))
    require_kept(trajectory, "value", leaves=lambda step: shared)


@training_law(
    "techniques-agree",
    guarantee="computes",
    needs=Capability.REFERENCE,
    draws=references.from_the_same_weights,
    meaning="Two techniques train different leaves, or the same leaves by different updates.",
)
def techniques_agree(trajectory: Trajectory) -> None:
    """From the same weights, the technique moves the same leaves as an optimizer of the trainable
    subset alone, to the same values but for rounding.
    """
    from ...reference.correct.trainers.peers import subset_of

    peer = subset_of(trajectory.origin)
    _require_agreement_with(peer, trajectory, other=f"by {peer.name}")


@training_law(
    "linen-equals-nnx",
    guarantee="computes",
    needs=Capability.REFERENCE,
    draws=references.from_the_same_weights,
    meaning="One of the two APIs builds, freezes or trains another network.",
)
def linen_equals_nnx(trajectory: Trajectory) -> None:
    """From the same weights, the technique moves the same leaves in Linen and in NNX, to the same
    values but for rounding.
    """
    from ...reference.correct.trainers.peers import counterpart_of

    peer = counterpart_of(trajectory.origin)
    _require_agreement_with(peer, trajectory, other=f"in {peer.api}")


def _require_agreement_with(peer: Any, trajectory: Trajectory, *, other: str) -> None:
    beside = _run_of(peer, trajectory.problem)
    require_complete(beside)
    try:
        require_agreement((trajectory, beside), other=other)
    except Refutation as found:
        found.beside = (beside,)
        raise


@functools.lru_cache(maxsize=128)  # all references are compared with few, on the same problems
def _run_of(peer: Any, problem: TrainingProblem) -> Trajectory:
    from ...reference.observation.run import run  # here, since the law book is read without JAX

    return cast(Trajectory, run(peer, problem))


LAWS = (
    layers_before_a_frozen_one_get_their_gradient,
    a_pattern_without_a_match_raises,
    every_representation_gives_the_same_selection,
    tied_weights_freeze_under_either_name,
    techniques_agree,
    linen_equals_nnx,
)
