"""A row of a report: one verdict of one law on one subject, as JSON can hold it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...properties.engine.verdict import OWN_FAILURE, Verdict
from ...properties.laws.book import BY_ID
from ...properties.laws.law import REPORTING
from ...properties.plan.checks import Check

FAILING = ("refuted", "vacuous", "error")
#: All verdicts; of several on one law and subject the first in this order stands.
WORST = ("refuted", "error", "vacuous", "held", "proved", "not-run")
#: The reason of a law that the run had planned and did not judge.
UNREACHED = "the run ended before this law was judged"


@dataclass(frozen=True)
class Row:
    """One verdict as a report holds it: programs read these names."""

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
    #: The reason of a known failure, where a test names one.
    expected: str | None = None

    @classmethod
    def of(cls, item: Check, verdict: Verdict) -> Row:
        """Join a check with its verdict; that there is an answer is promised whatever else is."""
        fields = asdict(verdict)
        row = cls(
            item.id,
            item.subject_name,
            item.law.id,
            item.law.guarantee,
            item.promised,
            fields.pop("outcome"),
            **_plain(fields),
        )
        return row if row.about == row.law else replace(row, promised=True)

    @classmethod
    def unreached(cls, item: Check) -> Row:
        """Return the row of a check that is still to be judged; it stands if that never happens."""
        return cls.of(item, Verdict("not-run", 0, reason=UNREACHED))

    @property
    def fails(self) -> bool:
        """Whether this verdict breaks a promise, and is not a known failure."""
        return self.promised and self.verdict in FAILING and self.expected is None

    @property
    def is_known(self) -> bool:
        """Whether this verdict breaks a promise, as a test expects it to."""
        return self.promised and self.verdict in FAILING and self.expected is not None

    @property
    def about(self) -> str:
        """The law that the verdict speaks of: that which reports a subject without an answer, where
        this one was judged without it; else its own.
        """
        said = (self.counterexample or {}).get("law")
        return next((law for law in REPORTING if said == BY_ID[law].statement), self.law)

    @property
    def raises(self) -> bool:
        """Whether what was seen in place of an answer is an exception."""
        facts = (self.counterexample or {}).get("facts", {})
        return str(facts.get("raised")).startswith("raised ")

    @property
    def is_own_failure(self) -> bool:
        """Whether frostproof itself failed: nothing follows for the program."""
        return self.verdict == "error" and (self.reason or "").startswith(OWN_FAILURE)

    @property
    def words(self) -> str:
        """The verdict in words; a bad one that fails nothing says why."""
        return f"{self.verdict}, {self.excuse}" if self.excuse else self.verdict

    @property
    def excuse(self) -> str:
        """Why a bad verdict fails nothing; empty where it does, or where the verdict is good."""
        if self.verdict not in FAILING or self.fails:
            return ""
        return "as expected" if self.promised else "beyond the promise"


def _plain(value: Any) -> Any:
    """Return a value without floats that JSON cannot write: NaN and infinities become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
