"""Remembers the problems that a strategy drew, so that other laws are given them undrawn."""

from __future__ import annotations

from typing import Any, NamedTuple

from .database import NamespacedDatabase

#: Strategies that are remembered, of a hundred problems or up to a thousand each.
_MOST = 16


class _Drawn(NamedTuple):
    problems: list[tuple[Any, ...]]
    #: Under what Hypothesis looked for earlier failures.
    keys: frozenset[bytes]


class DrawnProblems:
    """A bounded memory of what was drawn; the oldest is forgotten first.

    Hypothesis draws the same from one strategy by one seed, as long as nothing fails. What fails it
    has to draw itself, to make it smaller.
    """

    def __init__(self) -> None:
        self._known: dict[Any, _Drawn] = {}

    def of(self, key: Any, database: NamespacedDatabase | None) -> list[tuple[Any, ...]] | None:
        """Return the problems that Hypothesis would draw; None where nobody knows.

        Failures that a database holds come first, and nobody else was given those.
        """
        known = self._known.get(key)
        if known is None or (database is not None and database.holds(known.keys)):
            return None
        return known.problems

    def remember(
        self, key: Any, problems: list[tuple[Any, ...]], database: NamespacedDatabase | None
    ) -> None:
        """Remember what was drawn, unless a database gave failures of earlier runs."""
        if database is not None and database.gave:
            return
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        keys = frozenset() if database is None else frozenset(database.asked)
        self._known[key] = _Drawn(problems, keys)
