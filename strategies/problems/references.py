"""Draws problems for the laws of reference trainers, which can freeze any leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ...reference.problems.architecture_pool import PLAIN, TIED
from ...reference.problems.training_problem import TrainingProblem
from ...reference.pytrees.paths import matches
from ..optimizers import named
from .trainings import Problems, in_network, problems

#: The other names of the weights that `TIED` shares.
TIED_NAMES = tuple(layer.name for layer in TIED.layers if layer.kind == "tied")


def plain(subject: Any) -> Problems:
    """Draw one problem of dense layers alone, by SGD."""
    drawn = problems(subject, named("sgd"), steps=st.just(1))
    return st.tuples(drawn.filter(lambda problem: problem.architecture in PLAIN))


def misspelt(subject: Any) -> Problems:
    """Draw one problem in which a pattern is nearly a name: shorter, longer, in capitals."""
    changes = st.sampled_from((lambda n: n + "_", lambda n: n[:-1], str.upper, lambda n: "x" + n))

    def misspell(problem: TrainingProblem, change: Any) -> TrainingProblem:
        assert problem.frozen is not None
        first, *others = problem.frozen
        return replace(problem, frozen=(change(first), *others))

    def names_nothing(problem: TrainingProblem) -> bool:
        assert problem.frozen is not None
        assert problem.architecture is not None
        names = problem.architecture.names
        return not any(matches(path, problem.frozen[:1]) for path in names)

    drawn = st.builds(misspell, problems(subject, named("sgd"), steps=st.just(1)), changes)
    return st.tuples(drawn.filter(names_nothing))


def tied(subject: Any) -> Problems:
    """Draw one problem with tied weights, frozen by either of their names."""
    shared = next(layer.shares for layer in TIED.layers if layer.shares)
    names = st.sampled_from([(TIED_NAMES[0],), (shared,), (TIED.first, TIED_NAMES[0])])
    drawn = problems(subject, named("sgd", "momentum"))
    return st.tuples(
        st.builds(lambda problem, frozen: in_network(problem, TIED, frozen), drawn, names)
    )


def from_the_same_weights(subject: Any) -> Problems:
    """Draw one problem whose weights are drawn too, and so the same for every trainer."""
    steady = named("sgd", "momentum", "nesterov", "adam", "rmsprop")
    drawn = problems(subject, steady, steps=st.sampled_from((1, 2, 3)), weights="redrawn")
    return st.tuples(drawn.filter(lambda problem: problem.architecture in PLAIN))
