"""What one law saw on one subject, and whether it is enough, or the law held in a vacuum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..laws.law import Inconclusive, Law, Refutation, Unanswered
from .raising import ByOptimizer

#: Below this many examples a share says little.
FEWEST = 50
#: A law is vacuous only where chance would give so low a count less than once in a million runs.
QUANTILE = 1e-6

#: A law is not run where most examples get no answer. Of a subject that answers half of them, so
#: many in a row at the start, of one law or of all, get none less than once in a million runs:
#: 2 ** -20.
SILENT = 20

#: Examples of each kind of weights in which something did not happen that are looked at again,
#: should it never happen: behind a zero that the program begins with, nothing matters.
CONFIRMED = 3


@dataclass
class Tally:
    """What one law saw on one subject, until its first failure."""

    judged: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    inconclusive: Counter[tuple[str, bool]] = field(default_factory=Counter)
    by_optimizer: ByOptimizer = field(default_factory=ByOptimizer)
    failures: dict[Any, Refutation] = field(default_factory=dict)
    failed_at: float | None = None
    #: The first example on which the subject gave no answer.
    unanswered: Unanswered | None = None
    #: Whether judging an example raised what no example may raise, which is frostproof's own fault.
    broken: bool = False
    #: For laws that are judged over the run.
    happened: set[str] = field(default_factory=set)
    never: dict[str, list[Refutation]] = field(default_factory=dict)
    #: What never happened, and did not matter.
    idle: frozenset[str] = frozenset()
    #: Why nothing tells whether what was seen, or never happened, is a fault.
    untold: Inconclusive | None = None

    @property
    def seen(self) -> int:
        """Examples that were drawn, judged or not."""
        return self.judged + self.inconclusive.total()

    @property
    def silent(self) -> bool:
        """Whether the subject gave no answer to so many examples that no further one is tried."""
        return self.unanswered is not None and not self.judged and self.seen >= SILENT

    @property
    def shortcomings(self) -> Counter[tuple[str, bool]]:
        """Why examples were inconclusive, and how often; those of optimizers under which nothing
        ever ran are left aside, where others ran.
        """
        counted = self.inconclusive.copy()
        if self.unanswered is not None:
            by_optimizer = sum(self.by_optimizer.raising.values())
            counted.subtract({(self.unanswered.reason, True): by_optimizer})
        return +counted

    def leave_aside(self, reason: Inconclusive, problem: Any) -> None:
        """Count an example that says nothing."""
        self.inconclusive[reason.reason, reason.subject] += 1
        if isinstance(reason, Unanswered):
            self.unanswered = self.unanswered or reason
            self.by_optimizer.note(problem, finished=False)

    def note(
        self,
        observed: dict[str, Refutation | None],
        problems: tuple[Any, ...],
        calls: list[Any],
    ) -> None:
        """Keep what never happened so far, with the first examples in which it should have."""
        for name, failure in observed.items():
            if failure is None:
                self.happened.add(name)
                self.never.pop(name, None)
            elif name not in self.happened:
                kept = self.never.setdefault(name, [])
                alike = [_weights(each.facts["problems"]) for each in kept]
                if alike.count(_weights(problems)) < CONFIRMED:
                    failure.facts |= {"problems": problems, "calls": calls}
                    kept.append(failure)


def _weights(problems: tuple[Any, ...]) -> str:
    """Return which weights the first of an example's problems is about, if any."""
    return getattr(problems[0], "weights", "")


def unmet(budget: Mapping[str, float], labels: Mapping[str, int], examples: int) -> str | None:
    """Name the first label whose share of the examples lies below its budget, or return None."""
    if examples < FEWEST:
        return None
    from scipy.special import bdtr

    for name, share in budget.items():
        count = labels.get(name, 0)
        if bdtr(count, examples, share) < QUANTILE:  # P(at most count), binomial
            return f"only {count} of {examples} examples had: {name} (budget {share:.0%})"
    return None


def absent(budget: Mapping[str, float], labels: Mapping[str, int], examples: int) -> str | None:
    """Name the first label that no example had, however few they are, or return None."""
    missing = next((name for name in budget if not labels.get(name)), None)
    return missing and f"none of {examples} examples had: {missing}"


def shortage(law: Law, tally: Tally, *, cut: bool) -> tuple[str, str] | None:
    """Say why the judged examples are too few, or too plain, to call the law held."""
    if tally.untold is not None:
        return "not-run", str(tally.untold)
    if shortcomings := tally.shortcomings:
        (reason, of_subject), most = shortcomings.most_common(1)[0]
        seen = tally.judged + shortcomings.total()
        if of_subject and most > tally.judged:
            silent = tally.unanswered
            return "not-run", str(silent) if silent and reason == silent.reason else reason
        if not tally.judged or unmet({"judged": 0.5}, {"judged": tally.judged}, seen):
            return "vacuous", f"{most} of {seen} examples were inconclusive: {reason}"
    if tally.judged == 0:
        return "vacuous", "no example was judged"
    if law.decisive and tally.idle and tally.idle == tally.never.keys() and not tally.happened:
        return "not-run", (
            f"no leaf that is left to train moved in any of {tally.judged} examples, and the loss "
            "depends on none of them"
        )
    # A run that was cut short has too few examples for a share, and none is none of any number.
    few = unmet(law.evidence, tally.labels, tally.judged)
    few = few or (absent(law.evidence, tally.labels, tally.judged) if cut else None)
    if few:
        return "not-run", f"the subject gives this law too little to judge: {few}"
    few = unmet(law.budget, tally.labels, tally.judged)
    return ("vacuous", few) if few else None
