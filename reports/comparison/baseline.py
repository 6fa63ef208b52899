"""A baseline: failures that are known, each with a reason and a day on which that ends to count.

A TOML file of tables `[[known]]`, with `id` (a row's id `subject::law`, or a glob on it), `reason`
and `expires`, the last day of it.
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
    """A baseline is missing, no TOML, or lacks something: one line that says what."""


@dataclass(frozen=True)
class Known:
    """One entry: which rows are known to fail, why, and until when."""

    id: str
    reason: str
    expires: date

    def covers(self, id: str) -> bool:
        """Whether a row of this id is meant."""
        return self.id == id or fnmatchcase(id, self.id)

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


@dataclass(frozen=True)
class Baseline:
    """The entries of a file, on a day."""

    entries: tuple[Known, ...] = ()
    today: date = date.min

    def find(self, id: str) -> Known | None:
        """Return the first entry that covers a row, one that still counts before one that expired.

        The day after the last one it is as if there were no entry, but that a report names it.
        """
        covering = [entry for entry in self.entries if entry.covers(id)]
        return min(covering, key=lambda entry: entry.expired(self.today), default=None)

    def stale(self, failing: Collection[str]) -> list[Known]:
        """Return the entries that cover nothing of what fails: there is nothing to excuse."""
        return [each for each in self.entries if not any(each.covers(id) for id in failing)]

    def expired(self) -> list[Known]:
        """Return the entries of which the last day is over."""
        return [entry for entry in self.entries if entry.expired(self.today)]


def read_baseline(path: Path | None, today: date | None = None) -> Baseline:
    """Return the entries of a file, none without one; raises `UnreadableBaseline`.

    Days are those of UTC, on a laptop as in CI.
    """
    today = today or datetime.now(UTC).date()
    if path is None:
        return Baseline((), today)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableBaseline(f"{path}: {error.strerror}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise UnreadableBaseline(f"{path}: it is no TOML: {error}") from None
    if content.keys() - {"known"} or not isinstance(content.get("known", []), list):
        raise UnreadableBaseline(f"{path}: a baseline consists of [[known]] tables alone")
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
