"""What a subject's verdicts amount to: the strongest guarantee held, the weakest broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from ...properties.laws.book import BOOK
from ...properties.laws.law import Guarantee
from .row import Row

#: What is lost with a guarantee, and what is not.
FOLLOWS: Mapping[str, str] = {
    "computes": "the program computes something else than it says: its other verdicts are about "
    "that other thing",
    "selected": "other leaves are frozen than those that were named, or fewer train",
    "norm": "frozen leaves move, visibly in their norm",
    "value": "frozen leaves move while their norms may stay: a check of norms does not see it",
    "bits": "values stay, the bytes of frozen leaves may not (−0.0, subnormals, NaN payloads): "
    "hashes and exact checkpoints differ",
    "inert": "frozen leaves stay while state that belongs to them does not: what is unfrozen "
    "later, or served from averages, starts from something else",
    "isolated": "frozen leaves stay, and their gradients still change how the others train",
}
NO_ANSWER = "it raises, hangs or ends its process on some problems: what it does there is unknown"
#: Laws on other optimizers than a subject promises: they tell nothing of what it claims.
_BEYOND = {law.id for law in BOOK if law.beyond}
#: Weaker to stronger: who keeps bits keeps values, who keeps values keeps norms.
_CHAIN = ("norm", "value", "bits")


@dataclass(frozen=True)
class Standing:
    """One subject: guarantees of which every law that ran held, and those with a refuted one."""

    held: tuple[str, ...]
    broken: tuple[str, ...]
    #: Whether a law is refuted of the weakest broken guarantee: where it is only in error, the
    #: subject gave no answer.
    answered: bool = True

    @property
    def strongest_held(self) -> str | None:
        """The last of norm, value, bits that holds with all below it; else any that holds."""
        kept = None
        for guarantee in _CHAIN:
            if guarantee in self.broken:
                break
            kept = guarantee if guarantee in self.held else kept
        return kept or next((name for name in self.held if name not in _CHAIN), None)

    @property
    def weakest_broken(self) -> str | None:
        """The first broken one, in the order in which one rests on the other."""
        return next(iter(self.broken), None)

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        others = [name for name in self.held if name not in _CHAIN]
        held = [name for name in (self.strongest_held, *others) if name]
        text = f"holds {', '.join(dict.fromkeys(held))}" if held else "holds nothing"
        if self.weakest_broken is None:
            return text
        return f"{text}; breaks {', '.join(self.broken)}: {self.follows}"

    @property
    def follows(self) -> str | None:
        """Say what is lost with the weakest broken guarantee, None where nothing is."""
        if self.weakest_broken is None:
            return None
        return FOLLOWS[self.weakest_broken] if self.answered else NO_ANSWER

    def to_json(self) -> dict[str, object]:
        """Return what a report holds of it."""
        return {
            "strongest_held": self.strongest_held,
            "weakest_broken": self.weakest_broken,
            "held": list(self.held),
            "broken": list(self.broken),
            "follows": self.follows,
        }


def standings(rows: Iterable[Row]) -> dict[str, Standing]:
    """Return the standing of each subject; laws on other optimizers than promised do not count."""
    outcomes: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        if row.guarantee != "advice" and row.law not in _BEYOND:
            subject = outcomes.setdefault(row.subject, {})
            subject.setdefault(row.guarantee, set()).add(row.verdict)
    order = get_args(Guarantee)
    told: dict[str, Standing] = {}
    for name, found in outcomes.items():
        broken = tuple(g for g in order if _broken(found.get(g, ())))
        told[name] = Standing(
            held=tuple(g for g in order if "held" in found.get(g, ()) and g not in broken),
            broken=broken,
            answered=not broken or "refuted" in found[broken[0]],
        )
    return told


def _broken(verdicts: Iterable[str]) -> bool:
    return bool({"refuted", "error"} & set(verdicts))
