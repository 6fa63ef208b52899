"""A reason is told in short where the failure that it refers to is told."""

import pytest

from frostproof.properties.laws.book import BOOK, BY_ID
from frostproof.properties.laws.requirements.training_law import NO_UPDATE
from frostproof.reference.subjects.capability import Capability
from frostproof.reports.formats.reasons import needs_together, reasons_not_run, untold
from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row

#: What a trainer can do that is given no keyword.
TRAINER = frozenset(map(Capability, ("tree", "trainer", "optimizer", "rows", "opt_state")))

RAISED = f"step 1 raised ValueError: {'a shape, ' * 50}the end (train.py, line 4)"


def row(law, verdict, reason=None, subject="s"):
    guarantee = BY_ID[law].guarantee
    return Row(f"{subject}::{law}", subject, law, guarantee, True, verdict, 9, reason=reason)


@pytest.mark.parametrize(
    ("reason", "failed", "told"),
    [
        (NO_UPDATE, row("trainable-moves", "refuted", "no leaf moves"), "see trainable-moves"),
        (NO_UPDATE, row("trainable-moves", "held"), NO_UPDATE),
        (NO_UPDATE, row("frozen-value", "refuted", "it moved"), NO_UPDATE),
        (
            f"see training-runs: {RAISED}",
            row("training-runs", "error", RAISED),
            "see training-runs",
        ),
        (
            f"see training-runs: {RAISED}",
            row("training-runs", "held"),
            f"see training-runs: {RAISED}",
        ),
        ("needs `predict=`", row("training-runs", "error", RAISED), "needs `predict=`"),
    ],
)
def test_what_the_failure_tells_is_left_out(reason, failed, told):
    """Where there is no such failure, all is said here."""
    assert untold(reason, [failed]) == told


def test_another_exception_is_not_left_out():
    """Of several that a program raises one is told whole, and the others in short."""
    reason = f"see training-runs: {RAISED}"

    told = untold(reason, [row("training-runs", "error", "step 2 raised KeyError: 'a'")])

    assert told.startswith("see training-runs: step 1 raised ValueError: a shape")
    assert told.endswith("… (train.py, line 4)")
    assert len(told) < len(reason)


def test_reasons_are_counted_as_they_are_told():
    """Those that are the same in short are one, and each subject has its own failures."""
    rows = [
        row("trainable-moves", "refuted", "no leaf moves"),
        row("frozen-value", "not-run", NO_UPDATE),
        row("frozen-norm", "not-run", "see trainable-moves"),
        row("frozen-norm", "not-run", NO_UPDATE, "other"),
    ]

    found = reasons_not_run(Report("ci", 0, rows))

    assert found == [("see trainable-moves", 2), (NO_UPDATE, 1)]


def test_what_laws_need_is_one_short_reason():
    """Of a small trainer, whose laws lack most keywords; what nobody can give has its own line."""
    laws = [law for law in BOOK if law.needs.is_possible("trainer", TRAINER)]
    lacks = {law.id: law.needs.missing(TRAINER) for law in laws}
    rows = [row(law, "not-run", reason) for law, reason in lacks.items() if reason]
    rows.append(row("frozen-copies", "not-run", "the program keeps no copies", "other"))

    (needs, count), *others = needs_together(reasons_not_run(Report("ci", 0, rows)))

    assert needs.startswith("needs `refreeze=` (")
    assert needs.endswith("`skips=`: see -v")
    assert (count, len(needs) < 200) == (len(rows) - 1, True)
    assert others == [("the program keeps no copies", 1)]


@pytest.mark.parametrize("reasons", [[], [("left out by --laws", 3)]])
def test_reasons_without_a_need_stay(reasons):
    """There is nothing to join."""
    assert needs_together(reasons) == reasons
