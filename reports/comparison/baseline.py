"""A baseline: known failures, each with a reason and the last day on which it is excused.

It is a TOML file of tables `[[known]]`, with `id` (a row's id `subject::law`, or a glob on it),
`reason` and `expires`, the last day.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

_KEYS = {"id", "reason", "expires"}


class UnreadableBaseline(ValueError):
    """A baseline is missing, is not TOML, or has a wrong entry: one line says which."""


@dataclass(frozen=True)
class Known:
    """One entry: which rows are known to fail, why, and until when."""

    id: str
    reason: str
    expires: date

    def covers(self, id: str) -> bool:
        """Tell whether the entry is about a row of this id."""
        return self.id == id or fnmatchcase(id, self.id)

    def expired(self, today: date) -> bool:
        """Tell whether the last day is over."""
        return today > self.expires


@dataclass(frozen=True)
class Baseline:
    """The entries of a file, and the day on which they are looked at."""

    entries: tuple[Known, ...] = ()
    today: date = date.min

    def find(self, id: str) -> Known | None:
        """Return the first entry that covers a row; one that has expired comes last.

        An entry that has expired excuses nothing, but a comparison names it.
        """
        covering = [entry for entry in self.entries if entry.covers(id)]
        return min(covering, key=lambda entry: entry.expired(self.today), default=None)

    def stale(self, failing: Collection[str]) -> list[Known]:
        """Return the entries that cover no failing row, and have nothing to excuse."""
        return [each for each in self.entries if not any(each.covers(id) for id in failing)]

    def expired(self) -> list[Known]:
        """Return the entries whose last day is over."""
        return [entry for entry in self.entries if entry.expired(self.today)]


def read_baseline(path: Path | None, today: date | None = None) -> Baseline:
    """Read a baseline.

    Args:
        path: the TOML file, or None for a baseline without entries.
        today: the day to judge by; by default today in UTC, on a laptop as in CI.

    Raises:
        UnreadableBaseline: in one line that names the file.
    """
    today = today or datetime.now(UTC).date()
    if path is None:
        return Baseline((), today)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableBaseline(f"{path}: {error.strerror}") from None
    except ValueError as error:  # it is not TOML, or not UTF-8
        raise UnreadableBaseline(f"{path}: this file is not TOML: {error}") from None
    if content.keys() - {"known"} or not isinstance(content.get("known", []), list):
        raise UnreadableBaseline(f"{path}: a baseline must consist of [[known]] tables alone")
    return Baseline(tuple(_entries(path, content.get("known", []))), today)


def _entries(path: Path, tables: list[Any]) -> Iterable[Known]:
    for number, table in enumerate(tables, start=1):
        where = f"{path}: entry {number}"
        if not isinstance(table, dict) or table.keys() != _KEYS:
            raise UnreadableBaseline(f"{where} must have id, reason and expires, and nothing else")
        for key in ("id", "reason"):
            if not isinstance(table[key], str) or not table[key].strip():
                raise UnreadableBaseline(f"{where}: `{key}` must be a text, got {table[key]!r}")
        expires = table["expires"]
        if not isinstance(expires, date) or isinstance(expires, datetime):
            raise UnreadableBaseline(
                f"{where}: `expires` must be a day such as 2030-01-31, got {expires!r}"
            )
        yield Known(**table)
