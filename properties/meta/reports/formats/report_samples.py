"""Reports to be shown in tests: one of each verdict, a counterexample with all there is."""

from collections import Counter
from collections.abc import Sequence

from frostproof.properties.laws.book import BOOK
from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row

SCRIPT = '"""frozen-value: each frozen leaf has the values it had."""\n\nassert 1 == 2, "<moved>"\n'


def counterexample(leaf: str = "backbone") -> dict:
    """A trainer's: two steps, of which the second accuses, and a drift over more steps."""
    moved = {"leaf": leaf, "frozen": True, "changed": 1, "of": 2, "before": 0.5, "after": 0.25}
    head = {"leaf": "head", "frozen": False, "changed": 2, "of": 2, "before": 1.0, "after": "nan"}
    bias = {"leaf": "bias", "frozen": False, "changed": 1, "of": 1, "before": 0.0, "after": 0.5}
    far = bias | {"ulps": 1056964608}
    steps = [
        {"step": 1, "loss": 0.5, "leaves": [{"leaf": leaf, "frozen": True, "changed": 0, "of": 2}]},
        {
            "step": 2,
            "loss": None,
            "leaves": [moved | {"ulps": 8388608}, head | {"ulps": None}, far],
        },
    ]
    return {
        "law": "After every step, each frozen leaf has the values it had.",
        "message": f"{leaf}: frozen leaf changed at step 2: 0.5 → 0.25 (8388608 ulps)",
        "problems": [{"tree": "two leaves", "frozen": [leaf], "steps": 2, "fill": 0}],
        "facts": {"leaf": leaf, "step": 2, "observed": 0.25, "expected": 0.5, "bound": 1e-6},
        "course": [{"steps": steps}],
        "drift": {leaf: [3, 7, None, 11]},
    }


def row_of(subject: str, law: int, verdict: str, **fields: object) -> Row:
    """One verdict on one of the first laws of the book."""
    named = BOOK[law]
    reason = None if verdict == "held" else f"why it is {verdict}"
    fields = {"promised": True, "examples": 100, "reason": reason} | fields
    id = f"{subject}::{named.id}"
    return Row(id, subject, named.id, named.guarantee, verdict=verdict, **fields)


def sample(subjects: Sequence[str] = ("train.py:step",), leaf: str = "backbone") -> Report:
    """Each subject with one of each verdict, promised and not."""
    drawn = {"optimizer: adam": 60, "shape: 7 × 3": 50, "learning rate: 1e-1": 40, "steps: 2": 9}
    refuted = {"counterexample": counterexample(leaf), "reproduce": SCRIPT}
    rows = [
        row
        for name in subjects
        for row in (
            row_of(name, 20, "held", labels=drawn),
            row_of(name, 21, "refuted", **refuted, reason=refuted["counterexample"]["message"]),
            row_of(name, 22, "refuted", **refuted, promised=False),
            row_of(name, 23, "error", examples=0),
            row_of(name, 24, "vacuous"),
            row_of(name, 25, "not-run", examples=0),
        )
    ]
    return Report("ci", 0, rows, Counter({"left out by --laws": 3}), started="2026-01-02T03:04:05Z")


def many(subjects: int, laws: int) -> Report:
    """So many verdicts, with a tenth of the subjects refuted by every tenth law."""
    refuted = {"counterexample": counterexample(), "reproduce": SCRIPT}
    refuted["reason"] = refuted["counterexample"]["message"]
    rows = [
        row_of(f"package.module_{subject}:step", law, "refuted", **refuted)
        if subject % 10 == law % 10 == 0
        else row_of(f"package.module_{subject}:step", law, "held", seconds=0.1)
        for subject in range(subjects)
        for law in range(laws)
    ]
    return Report("nightly", 1, rows)
