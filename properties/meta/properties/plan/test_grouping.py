"""Which checks one process judges."""

from frostproof.properties.laws.book import BY_ID
from frostproof.properties.plan.checks import Check, NamedSubject
from frostproof.properties.plan.grouping import groups
from frostproof.properties.proofs.provable import PROVABLE

LAWS = ("training-runs", "frozen-value", "loss-is-mse", "freeze-twice", "frozen-under-overflow")


def ids(processes, *subjects):
    """Return the ids of the checks of all groups."""
    checks = [
        Check(NamedSubject(subject, "trainer"), BY_ID[law], promised=True)
        for subject in subjects
        for law in LAWS
    ]
    return [[check.id for check in group] for group in groups(checks, processes)]


def test_a_process_judges_all_laws_on_a_subject():
    """They share what it has compiled."""
    assert ids(2, "a", "b") == [[f"{name}::{law}" for law in LAWS] for name in "ab"]


def test_fewer_subjects_than_processes_are_divided():
    """Laws stay together that draw the same problems, or rest on the same proof."""
    together = [f"a::{law}" for law in LAWS if law != "freeze-twice"]

    assert ids(2, "a") == [together, ["a::freeze-twice"]]
    assert len(ids(3, "a", "b")) == 4


def test_what_may_all_be_proved_comes_last():
    """It takes the least time, and the longest has to begin first."""
    checks = [
        Check(NamedSubject("a", "trainer"), BY_ID[law], promised=True)
        for law in ("frozen-value", "trainable-moves")
    ]

    assert [[check.law.id for check in group] for group in groups(checks, 2)] == [
        ["trainable-moves"],
        ["frozen-value"],
    ]


def test_a_proof_is_looked_for_in_one_process():
    """It takes seconds for a trainer, whichever law asks."""
    checks = [Check(NamedSubject("a", "trainer"), BY_ID[law], promised=True) for law in PROVABLE]

    assert len(groups(checks, 8)) == 1
