"""What a law says of a subject: the verdict, and the counterexample of a refuted one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["held", "proved", "refuted", "vacuous", "not-run", "error"]
#: How the reason of an error begins that says nothing of the program.
OWN_FAILURE = "frostproof itself failed"


@dataclass(frozen=True)
class Counterexample:
    """What a person needs to fix the code: the smallest problems that show it, and the numbers."""

    law: str
    message: str
    problems: list[dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)
    #: What happened in each problem, step by step, and how far frozen leaves move in more steps.
    course: list[dict[str, Any]] = field(default_factory=list)
    drift: dict[str, Any] = field(default_factory=dict)
    #: Why it happened, in words, where variations of the problem tell.
    cause: str | None = None
    #: The kind of that cause and the leaves that it reaches: by these, laws tell of one fault.
    fault: dict[str, Any] | None = None


@dataclass(frozen=True)
class Verdict:
    """One law on one subject. `examples` counts the judged ones, before shrinking."""

    outcome: Outcome
    examples: int
    reason: str | None = None
    counterexample: Counterexample | None = None
    reproduce: str | None = None
    labels: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
