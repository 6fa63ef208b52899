"""The guarantees of a subject: which it keeps, which it breaks, and which are not shown.

A guarantee is kept if no law about it failed and all decisive ones held. It is not shown if a
decisive law did not run, or if a law about it was left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from ...properties.engine.causes.reason import INVERTED, NOTHING_MOVES, SWAPPED
from ...properties.engine.verdict import OWN_FAILURE
from ...properties.laws.book import BOOK
from ...properties.laws.law import Guarantee
from ...properties.laws.requirements.layers import NAMELESS
from .row import FAILING, Row

_MOVE = "frozen leaves move"
#: What follows for a user from a guarantee that is broken, without a word on any other guarantee.
FOLLOWS: Mapping[str, str] = {
    "computes": "the program does not compute what it reports, and the other verdicts are about "
    "what it computes",
    "selected": "the frozen leaves are not those that were named",
    "norm": "frozen leaves move, and their norms show it",
    "value": _MOVE,
    "bits": "the bytes of frozen leaves change: hashes and exact checkpoints differ",
    "inert": "state that belongs to frozen leaves changes: a leaf that is unfrozen later, or "
    "served from an average, starts from other values",
    "isolated": "the gradients of frozen leaves change how the other leaves train",
}
#: The same where the norms of all frozen leaves stay in what was seen.
_AND_NORMS_STAY = ", and a check of their norms misses it"
_A_LEAF_STAYS = "a leaf that is to train does not"
_ANOTHER_FREEZE = "to change what is frozen changes how other leaves train, or leaves themselves"
#: What follows from some laws in particular, where that of their guarantee would lead astray.
FOLLOWS_FROM: Mapping[str, str] = {
    "trainable-moves": _A_LEAF_STAYS,
    "exact-selection": _A_LEAF_STAYS,
    "answer-xray-moves": "a leaf that is to train does not take the step of its gradient",
    "upstream-still-trains": "a layer in front of a frozen one does not get its gradient",
    "zero-gradient-is-identity": "something moves a leaf whose gradient is zero",
    "trainable-follows-oracle": "a leaf that is to train does not move as its optimizer says",
    "trainable-statistics-move": "statistics of a layer that trains stay as they were",
    "frozen-layer-state": "statistics that are frozen change: their layer computes something else "
    "in evaluation",
    "copies-follow": "a copy does not follow its leaf as it is declared to",
    "trains-as-if-alone": "other leaves do not train as the optimizer trains them alone",
    "zero-rate-is-identity": "something beside the optimizer that is handed over moves a leaf, "
    "whatever the learning rate",
    "freeze-everything": FOLLOWS["value"],
    "tied-weights-freeze-under-either-name": FOLLOWS["value"],
    "freeze-nothing": "to freeze nothing changes how leaves train",
    "freeze-twice": _ANOTHER_FREEZE,
    "freeze-order": _ANOTHER_FREEZE,
    "unfreeze-resumes": _ANOTHER_FREEZE,
    "freezing-spares-the-rest": _ANOTHER_FREEZE,
    "skipped-steps-change-nothing": "a step that is to be skipped changes something",
    "frozen-initial": "frozen leaves do not begin with what they are to begin with",
    "restored-equals-saved": "a training that goes on from a checkpoint is another one",
    "frozen-structure": "the parameters do not keep their names, shapes, dtypes or variable types",
}
#: What follows from faults, by their kind, where the leaves of one law tell too little.
_FOLLOWS_FROM_FAULT: Mapping[str, str] = {
    INVERTED: "the mask is inverted: what is to stay trains, and what is to train stays",
    SWAPPED: "the mask is inverted, or the turns are swapped: what is to stay trains, and what is "
    "to train stays",
    **dict.fromkeys(NOTHING_MOVES, "nothing trains: no leaf moves"),
}
#: Guarantees that can be broken while frozen leaves keep their values, which is said where shown.
_BESIDE_VALUES = ("bits", "inert", "isolated")
#: How a program gives no answer where all that was seen are exceptions, and elsewhere.
RAISES = "the program raises on some problems"
NO_ANSWER = "the program raises, hangs or ends its process on some problems"
_UNKNOWN_THERE = ", and nothing is known about its freeze there"
#: Laws on optimizers outside a subject's promise: their verdicts say nothing about its claims.
BEYOND = {law.id for law in BOOK if law.beyond}
_DECISIVE = {law.id for law in BOOK if law.decisive}
#: The law that shows that a declared loss is computed; it is missing where none is declared.
_DECLARED = "loss-is-mse"
_GUARANTEE_OF = {law.id: law.guarantee for law in BOOK}
_GOOD = ("held", "proved")
#: Weaker to stronger: who keeps bits keeps values, who keeps values keeps norms.
_CHAIN = ("norm", "value", "bits")


@dataclass(frozen=True)
class Asked:
    """The question of a run about one subject, beside its rows."""

    #: Guarantees that were asked for by name: the run fails if one is not shown.
    by_name: tuple[str, ...] = ()
    #: Laws that apply and were left out.
    omitted: tuple[str, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """Return the fields that a report has for it."""
        return {"by_name": list(self.by_name), "omitted": list(self.omitted)}


@dataclass(frozen=True)
class Standing:
    """One subject: the guarantees that it keeps, breaks, and does not show, with the reason."""

    held: tuple[str, ...]
    broken: tuple[str, ...]
    not_shown: Mapping[str, str] = field(default_factory=dict)
    #: Guarantees that are not shown although no law was left out.
    missed: tuple[str, ...] = ()
    #: Guarantees that are not shown because laws were left out.
    unasked: tuple[str, ...] = ()
    #: Broken guarantees by failures that tests expect, and by no other.
    known: tuple[str, ...] = ()
    #: Whether laws were left out: what is not kept may be kept all the same.
    in_part: bool = False
    #: What follows from each refuted law of the weakest broken guarantee; empty where its laws are
    #: only in error, and the subject gave no answer.
    found: tuple[str, ...] = ()
    #: Whether each failure of the weakest broken guarantee is an exception.
    raises: bool = False
    #: The kinds of faults by which laws of the weakest broken guarantee fail, where they are known.
    faults: tuple[str, ...] = ()
    #: Whether, in what was seen of that guarantee, the norms of frozen leaves stay.
    norms_stay: bool = False

    @property
    def strongest_held(self) -> str | None:
        """The last of norm, value, bits that is kept with all below it; else any that is kept."""
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
    def keeps(self) -> str:
        """Say what the subject keeps, the strongest of norm, value and bits first."""
        others = [name for name in self.held if name not in _CHAIN]
        strongest = self.strongest_held
        # Who promised value, as by default, looks for it.
        kept = ["bits and value" if strongest == "bits" and "value" in self.held else strongest]
        named = list(dict.fromkeys(name for name in (*kept, *others) if name))
        return f"keeps {', '.join(named)}" if named else "keeps nothing"

    @property
    def sentence(self) -> str:
        """What is kept, broken and not shown, in one line."""
        parts = [] if self.in_part and not self.held else [self.keeps]
        if self.broken:
            broken = (f"{g} (as expected)" if g in self.known else g for g in self.broken)
            parts.append(f"breaks {', '.join(broken)}: {self.follows}")
        unshown = {g: why for g, why in self.not_shown.items() if g not in self.unasked}
        return "; ".join([*parts, *([f"not shown: {with_reasons(unshown)}"] if unshown else [])])

    @property
    def follows(self) -> str | None:
        """What follows from the weakest broken guarantee; None where all guarantees held.

        That the values stay is claimed where the laws about them show it.
        """
        if self.weakest_broken is None:
            return None
        if not self.found:
            return (RAISES if self.raises else NO_ANSWER) + _UNKNOWN_THERE
        whole = [_FOLLOWS_FROM_FAULT[kind] for kind in self.faults if kind in _FOLLOWS_FROM_FAULT]
        if whole:
            return whole[0]
        found = self.found[0]
        if self.weakest_broken == "selected" and FOLLOWS["value"] in self.found:
            others = [each for each in self.found if each != FOLLOWS["value"]]
            return ", and ".join((FOLLOWS["value"], *others[:1]))
        if self.weakest_broken == "value" and found == FOLLOWS["value"] and self.norms_stay:
            return found + _AND_NORMS_STAY
        if self.weakest_broken not in _BESIDE_VALUES:
            return found
        if "value" in self.held:
            return f"frozen leaves keep their values, but {found}"
        if self.in_part:  # nobody asked for all that would show it
            return found
        return f"{found}; that frozen leaves keep their values is not shown"

    def to_json(self) -> dict[str, object]:
        """Return the fields that a report has for the subject."""
        return {
            "strongest_held": self.strongest_held,
            "weakest_broken": self.weakest_broken,
            "held": list(self.held),
            "broken": list(self.broken),
            "not_shown": dict(self.not_shown),
            "follows": self.follows,
        }


def standings(rows: Iterable[Row], asked: Mapping[str, Asked] | None = None) -> dict[str, Standing]:
    """Return the standing of each subject; laws on other optimizers than promised do not count."""
    found: dict[str, dict[str, list[Row]]] = {}

    def counts(row: Row, guarantee: str) -> None:
        found.setdefault(row.subject, {}).setdefault(guarantee, []).append(row)

    silent: dict[str, str] = {}
    for row in rows:
        if row.about != row.law:  # nothing was seen of the law's own guarantee
            counts(row, _GUARANTEE_OF[row.about])
            seen = silent.setdefault(row.subject, row.law)
            row = replace(row, verdict="not-run", reason=f"see {seen}")
        if row.guarantee != "advice" and row.law not in BEYOND:
            counts(row, row.guarantee)
    return {
        name: _standing(of_subject, (asked or {}).get(name, Asked()))
        for name, of_subject in found.items()
    }


def _standing(found: Mapping[str, Sequence[Row]], asked: Asked) -> Standing:
    held, broken, known, not_shown, missed, unasked = [], [], [], {}, [], []
    told = {row.law for rows in found.values() for row in rows if row.verdict in FAILING}
    for guarantee in get_args(Guarantee):
        rows = found.get(guarantee, ())
        if not rows:
            continue
        if any(row.verdict in ("refuted", "error") and not row.is_own_failure for row in rows):
            broken.append(guarantee)
            if all(row.is_known for row in rows if row.verdict in FAILING):
                known.append(guarantee)
            continue
        omitted = [law for law in asked.omitted if _GUARANTEE_OF.get(law) == guarantee]
        if (reason := _unshown(rows, omitted, told)) is not None:
            not_shown[guarantee] = reason
            missed.append(guarantee)
        elif omitted:
            unasked.append(guarantee)
            not_shown[guarantee] = f"laws about it were left out: {len(omitted)}"
        else:
            held.append(guarantee)
    about_values = (*found.get("norm", ()), *found.get("value", ()))
    lost = {FOLLOWS_FROM.get(r.law, _MOVE) for r in about_values if r.verdict == "refuted"}
    if "selected" in held and lost:
        # Its own laws are about the leaves that train; which leaves stay, others judge.
        held.remove("selected")
        not_shown["selected"] = _MOVE if _MOVE in lost else min(lost)
    losing = [row.law for row in about_values if _loses_norms(row)]
    if "norm" in held and losing:
        # Its own law drew other problems: rates that overflow are for the laws of values.
        held.remove("norm")
        not_shown["norm"] = f"see {losing[0]}, where frozen norms change"
    weakest = found[broken[0]] if broken else ()
    refuted = [row for row in weakest if row.verdict == "refuted"]
    return Standing(
        tuple(held),
        tuple(broken),
        not_shown,
        known=tuple(known),
        missed=tuple(missed),
        unasked=tuple(unasked),
        in_part=bool(asked.omitted),
        found=tuple(dict.fromkeys(_follows_from(row, broken[0]) for row in refuted)),
        raises=all(row.raises for row in weakest if row.verdict == "error"),
        faults=tuple(kind for row in weakest if (kind := _kind_of_fault(row))),
        norms_stay=all(map(_keeps_norms, refuted)),
    )


def _follows_from(row: Row, guarantee: str) -> str:
    """Say what follows from a refuted law of a guarantee."""
    facts = (row.counterexample or {}).get("facts", {})
    if row.law == "exact-selection" and "after" in facts:  # of two leaves, the frozen one
        return FOLLOWS["value"]
    return FOLLOWS_FROM.get(row.law, FOLLOWS[guarantee])


def _keeps_norms(row: Row) -> bool:
    facts = (row.counterexample or {}).get("facts", {})
    return facts.get("norms_kept") is True


def _loses_norms(row: Row) -> bool:
    facts = (row.counterexample or {}).get("facts", {})
    return row.verdict == "refuted" and facts.get("norms_kept") is False


def _kind_of_fault(row: Row) -> str | None:
    fault = (row.counterexample or {}).get("fault") or {}
    return fault.get("kind")


def _unshown(rows: Sequence[Row], omitted: Sequence[str], told: Collection[str]) -> str | None:
    """Say why the rows of a guarantee do not show it; None where they do, or where laws that are
    left out might. What follows from the failure of another law is not repeated where it is `told`.
    """
    for row in rows:
        if row.is_own_failure:
            return f"{row.law}: {OWN_FAILURE}"
        if row.verdict == "vacuous" or (_is_decisive(row) and row.verdict not in _GOOD):
            reason = row.reason or row.verdict
            reference = reason.partition(":")[0]
            return reference if reference.removeprefix("see ") in told else f"{row.law}: {reason}"
    shown = omitted or any(row.verdict in _GOOD for row in rows)
    return None if shown else "no law about it ran"


def _is_decisive(row: Row) -> bool:
    """Tell whether the guarantee of a row is not shown without it."""
    undeclared = (row.reason or "").startswith("needs ")
    declared = row.law == _DECLARED and not undeclared
    return row.law in _DECISIVE or declared or (row.guarantee, row.reason) == ("inert", NAMELESS)


def with_reasons(not_shown: Mapping[str, str]) -> str:
    """Name guarantees that are not shown, those of one reason together: `norm, value (see …)`."""
    named: dict[str, list[str]] = {}
    for guarantee, reason in not_shown.items():
        named.setdefault(reason, []).append(guarantee)
    return "; ".join(f"{', '.join(names)} ({reason})" for reason, names in named.items())
