"""A row of a report: one verdict of one law on one subject, as JSON can hold it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ...properties.engine.verdict import Verdict
from ...properties.plan.checks import Check

FAILING = ("refuted", "vacuous", "error")
#: Of several verdicts on one law and subject the first in this order stands.
WORST = ("refuted", "error", "vacuous", "held", "proved", "not-run")
#: Why there is no verdict on a law that a run was to judge.
UNREACHED = "the run ended before it was judged"


@dataclass(frozen=True)
class Row:
    """One verdict as it is written: programs read these names."""

    id: str
    subject: str
    law: str
    guarantee: str
    promised: bool
    verdict: str
    examples: int
    reason: str | None = None
    counterexample: dict[str, Any] | None = None
    reproduce: str | None = None
    labels: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    #: Why it is known to fail, where a test says so.
    expected: str | None = None

    @classmethod
    def of(cls, item: Check, verdict: Verdict) -> Row:
        """Join an item of the agenda with its verdict."""
        fields = asdict(verdict)
        return cls(
            item.id,
            item.subject_name,
            item.law.id,
            item.law.guarantee,
            item.promised,
            fields.pop("outcome"),
            **_plain(fields),
        )

    @classmethod
    def unreached(cls, item: Check) -> Row:
        """Return the row of an item that is still to be judged, as it stands if that never is."""
        return cls.of(item, Verdict("not-run", 0, reason=UNREACHED))

    @property
    def fails(self) -> bool:
        """Whether this verdict breaks what was promised, and is not known to."""
        return self.promised and self.verdict in FAILING and self.expected is None

    @property
    def words(self) -> str:
        """The verdict in words: with what takes the edge off a bad one."""
        if self.verdict not in FAILING or self.fails:
            return self.verdict
        return f"{self.verdict}, {'as expected' if self.promised else 'beyond the promise'}"


def _plain(value: Any) -> Any:
    """Replace what JSON has no word for: NaN and infinities become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
