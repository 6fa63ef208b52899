"""Which verdicts tell of one fault of a subject, so that it is told once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ...properties.engine.causes.reason import ADDED_ZERO, INVERTED, OF_NO_LEAF
from ...properties.laws.book import BOOK
from ...reference.optimizers.optimizer import read_optimizer
from ..results.row import Row

#: What is bound to fail where all frozen leaves train: the optimizer keeps state of them, and they
#: change the loss, by which the others train.
_BY_THAW = (
    "frozen-under-coupled-overflow",
    "frozen-gradients-do-not-leak",
    "frozen-optimizer-state",
    "frozen-copies",
)
_POSITIONS = {law.id: position for position, law in enumerate(BOOK)}


def by_cause(rows: Iterable[Row]) -> list[list[Row]]:
    """Return rows together that tell of one fault of a subject: of the same change of a leaf, of
    the same loss, or of the same kind of cause in the same leaf or in the same leaves.

    The first of each group is the most telling one.
    """
    rows = list(rows)
    thawed = {row.subject for row in rows if _finds_all_thawed(row)}
    groups: list[list[Row]] = []
    known: dict[object, list[Row]] = {}
    for row in rows:
        told = (_change(row), _loss(row), _silence(row), *_faults(row))
        if row.subject in thawed and (_finds_all_thawed(row) or _follows_from_thaw(row)):
            told = (*told, ("all thawed",))
        keys = [(row.subject, *each) for each in told if each]
        found = {id(known[key]) for key in keys if key in known}
        alike = [each for each in groups if id(each) in found]
        group = alike[0] if alike else []
        if not alike:
            groups.append(group)
        for other in alike[1:]:  # two groups that this row shows to be of one fault
            group += other
            groups = [each for each in groups if each is not other]
            known = {key: group if each is other else each for key, each in known.items()}
        group.append(row)
        known |= dict.fromkeys(keys, group)
    return [sorted(group, key=lambda row: (telling(row), _position(row))) for group in groups]


def telling(row: Row) -> tuple[bool, bool]:
    """Return a key by which the most telling of some rows come first: those whose cause was found,
    and among them those about a norm last, since it hides which element moved.
    """
    return not cause_of(row), row.guarantee == "norm" and row.about == row.law


def _position(row: Row) -> int:
    """Return where a law stands in the book: behind those that it presumes."""
    return _POSITIONS.get(row.law, len(_POSITIONS))


def _silence(row: Row) -> tuple[Any, ...]:
    """Return what a subject did in place of an answer, where the law of the row is not the one that
    reports it; else nothing.
    """
    if row.counterexample is None or row.about == row.law:
        return ()
    return row.about, row.counterexample["message"]


def _faults(row: Row) -> list[tuple[Any, ...]]:
    """Return what tells the fault of a row from others: its kind with the leaf, and with all leaves
    that it reaches; of a wrapper, whose leaves are drawn, the kind alone where no leaf is to blame.
    In a report that knows no kinds, the words have to be the same.
    """
    found = row.counterexample or {}
    if (fault := found.get("fault")) is None:
        return [cause_of(row)]
    if fault["kind"] == INVERTED:  # one mask, by whatever leaf of whatever tree a law shows it
        return [(fault["kind"],)]
    if fault["kind"] in OF_NO_LEAF and _is_of_a_wrapper(found):
        return [(fault["kind"],)]
    reached = tuple(fault["leaves"])
    return [(fault["kind"], found["facts"].get("leaf")), (fault["kind"], reached)]


def _is_of_a_wrapper(found: Mapping[str, Any]) -> bool:
    """Tell whether a counterexample is an Optax wrapper's: its tree is one of the engine's."""
    return any("tree" in problem for problem in found.get("problems", ()))


def _finds_all_thawed(row: Row) -> bool:
    """Tell whether a row shows that the freeze misses all leaves: they train as any others."""
    return ((row.counterexample or {}).get("fault") or {}).get("whole") is True


def _follows_from_thaw(row: Row) -> bool:
    """Tell whether frozen leaves that all train explain a row for which no other cause was found
    than that something is added to them.
    """
    found = row.counterexample or {}
    if (found.get("fault") or {}).get("kind") == ADDED_ZERO:
        return True
    if row.verdict != "refuted" or found.get("cause"):
        return False
    if row.law != "trains-as-if-alone":
        return row.law in _BY_THAW
    # It knows what the optimizer was given: only one that couples leaves explains the rest.
    (problem, *_) = found.get("problems") or [{}]
    with suppress(KeyError, ValueError):
        return read_optimizer(problem["optimizer"]).facts.couples_leaves
    return False


def cause_of(row: Row) -> tuple[Any, ...]:
    """Return a leaf with the cause that was found for it and the equation; empty without both."""
    found = row.counterexample or {}
    facts = found.get("facts", {})
    cause, equation = found.get("cause"), facts.get("equation")
    return (facts.get("leaf"), cause, equation) if cause or equation else ()


def _loss(row: Row) -> tuple[Any, ...]:
    """Return a loss that a program reported, with the one that was expected; else nothing."""
    facts = (row.counterexample or {}).get("facts", {})
    reported = tuple(facts.get(name) for name in ("step", "observed", "expected"))
    return reported if facts.get("leaf") == "loss" and None not in reported else ()


def _change(row: Row) -> tuple[Any, ...]:
    facts = (row.counterexample or {}).get("facts", {})
    changed = tuple(facts.get(name) for name in ("leaf", "step", "before", "after"))
    return () if None in changed else changed
