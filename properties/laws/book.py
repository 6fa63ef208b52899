"""The law book: every law, in the order in which it is run and printed."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ...reference.pytrees.spelling import did_you_mean
from . import (
    algebra,
    determinism,
    exercise_answers,
    exercise_updates,
    followers,
    frozen_leaves,
    isolation,
    lifecycles,
    losses,
    references,
    surrounding_state,
    trainable_leaves,
)
from .law import Law

EXERCISE_LAWS: tuple[Law, ...] = (*exercise_answers.LAWS, *exercise_updates.LAWS)
TREE_LAWS: tuple[Law, ...] = (
    *frozen_leaves.LAWS,
    *trainable_leaves.LAWS,
    *followers.LAWS,
    *losses.LAWS,
    *isolation.LAWS,
    *surrounding_state.LAWS,
    *determinism.LAWS,
    *algebra.LAWS,
    *lifecycles.LAWS,
    *references.LAWS,
)
BOOK = EXERCISE_LAWS + TREE_LAWS

BY_ID = {law.id: law for law in BOOK}
assert len(BY_ID) == len(BOOK), "two laws share an id"

#: What laws about predictions draw from: other laws on the same problems share those runs.
_PREDICTED = {law.draws for law in BOOK if law.needs_predictions}


def looks_at_predictions(law: Law) -> bool:
    """Tell whether a law, or another one that draws the same problems, looks at predictions."""
    return law.needs_predictions or law.draws in _PREDICTED


class UnknownLaw(ValueError):
    """A law id or glob that matches nothing; the message names the closest ids."""


def laws_matching(globs: Iterable[str]) -> tuple[Law, ...]:
    """Return the laws whose id matches any of the globs, in the order of the book.

    Raises `UnknownLaw` for a glob that matches no law: it would judge nothing.
    """
    globs = tuple(globs)
    for glob in globs:
        if not any(fnmatchcase(law.id, glob) for law in BOOK):
            meant = did_you_mean(glob, BY_ID)
            raise UnknownLaw(f"no law is called {glob!r}{meant} (`frostproof laws` lists them all)")
    return tuple(law for law in BOOK if any(fnmatchcase(law.id, glob) for glob in globs))
