"""Divides a run among machines, evenly by the seconds of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...properties.plan.checks import Check
from ...properties.plan.sharding import Shard
from ..results.reading import read_report


@dataclass(frozen=True)
class Division:
    """The shard of a run, if it is one, and the seconds of an earlier run by the ids of rows."""

    shard: Shard | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, shard: str | None, balance: str | Path | None) -> Division:
        """Read `I/N`, and the report that balances the shards.

        Raises a `ValueError` for anything else, and for a report without a shard.
        """
        if balance is not None and shard is None:
            raise ValueError("--balance needs --shard I/N, whose shards it evens out")
        seconds = (
            {row.id: row.seconds for row in read_report(Path(balance)).rows} if balance else {}
        )
        return cls(Shard.parse(shard) if shard is not None else None, seconds)

    @property
    def name(self) -> str | None:
        """`I/N`, or None for a whole run."""
        return None if self.shard is None else str(self.shard)

    def split(self, checks: Sequence[Check]) -> tuple[list[Check], list[Check]]:
        """Return the checks of this run, and those that other shards judge."""
        return (list(checks), []) if self.shard is None else self.shard.split(checks, self.seconds)
