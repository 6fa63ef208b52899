"""Draws problems under those of the promised optimizers that a law is about."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ...reference.optimizers.optimizer import Optimizer
from ...reference.problems.architecture_pool import PLAIN
from ...reference.subjects.capability import Capability
from ..architectures import architectures
from ..optimizers import are_its_own, every_common, names_none
from .trainings import (
    Draws,
    Problem,
    Problems,
    Varies,
    in_networks,
    is_compiled_for_one_size,
    single,
    size_under,
    under,
)


def single_under(keeps: Callable[[Any], bool]) -> Draws:
    """Draw what `single` draws, for `kept_under` to replace an optimizer that is not kept.

    From a promise that lists no optimizers, draw those that are kept.
    """
    kept = under(lambda claimed: claimed.filter(keeps))
    return lambda subject: single(subject) if _kept(subject, keeps) else kept(subject)


def single_preferring(keeps: Callable[[Any], bool]) -> Draws:
    """Draw what `single_under` draws, or all that is promised if none of what it names is kept."""
    preferred = _under_preferred(keeps)
    return lambda subject: single(subject) if _kept(subject, keeps) else preferred(subject)


def kept_under(keeps: Callable[[Any], bool]) -> Varies:
    """Put a promised optimizer of the common set in the place of one that is not kept."""

    def vary(subject: Any, drawn: tuple[Problem, ...]) -> tuple[Problem, ...]:
        (problem,) = drawn
        kept = _kept(subject, keeps)
        if not kept or problem.optimizer in kept:
            return drawn
        problem = replace(problem, optimizer=kept[problem.fill % len(kept)])
        if is_compiled_for_one_size(subject):
            rows, features = size_under(problem.optimizer, (problem.rows, problem.features))
            problem = replace(problem, rows=rows, features=features)
        return (problem,)

    return vary


@functools.lru_cache(maxsize=32)
def _kept(subject: Any, keeps: Callable[[Any], bool]) -> tuple[Optimizer, ...]:
    """Return the promised optimizers of the common set that are kept; none of others' own."""
    from ...reference.trials.probe import capabilities_of  # here: a law book is read without JAX

    asked = subject.optimizers
    if are_its_own(asked) or Capability.OPTIMIZER not in capabilities_of(subject):
        return ()
    accepted = asked if callable(asked) else lambda facts: True
    return tuple(each for each in every_common() if accepted(each.facts) and keeps(each))


def _under_preferred(keeps: Callable[[Any], bool], **fields: Any) -> Draws:
    """Draw one problem under promised optimizers that are kept, or under all if none of those that
    are named is kept.
    """
    kept = under(lambda claimed: claimed.filter(keeps), **fields)
    every = under(lambda claimed: claimed, **fields)
    return lambda subject: (every if names_none(subject.optimizers, keeps) else kept)(subject)


def of_alike_names(keeps: Callable[[Any], bool]) -> Draws:
    """Draw one problem whose names resemble each other, if names are drawn.

    Its optimizer is one of `single_preferring`.
    """
    plain = single_preferring(keeps)
    drawn = _under_preferred(keeps, trees=("colliding names", "numbered", "nested"))

    def draws(subject: Any) -> Problems:
        if Capability.REFERENCE in subject.declared:
            return st.tuples(in_networks(drawn(subject), architectures(*PLAIN[1:5])))
        return drawn(subject) if subject.kind == "optax" else plain(subject)

    return draws
