"""Figures of the kill matrix and of the mutants: what fails them, and what they say."""

import itertools
import json
import subprocess
import sys

import pytest

from frostproof.properties.meta.measurements import kill_figures, soundness, soundness_figures
from frostproof.properties.meta.measurements.mutation import mutant_figures
from frostproof.properties.meta.measurements.mutation.mutation_equivalents import EQUIVALENT
from frostproof.properties.plan.checks import plan_checks
from frostproof.reference.corpus.register import EXERCISES, TRAININGS, accepted_programs
from frostproof.reference.correct.trainers import linen_techniques as linen_trainers
from frostproof.reports.run.verify import object_subject

ROW = {
    "specimen": "specimen/rows/last-row-dropped",
    "kind": "linen",
    "law": "answer-loss-is-mse",
    "seeds": [5, 3, 4],
    "size": {"problems": 1, "rows": 2, "seed": 0},
    "larger": {},
}
CHANGE = {"module": "optax.transforms._masking", "line": 7, "id": "a → b"}


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, False),
        ({"seeds": [1, None, 1]}, True),
        ({"seeds": [16, 16, 1]}, True),
        ({"seeds": [100, 1, 1]}, False),
        ({"larger": {"rows": 5}}, True),
    ],
)
def test_a_specimen_fails_that_lives_long_or_is_large(changed, fails):
    """One seed that refutes nothing is enough, and so is a median above fifteen."""
    assert kill_figures.failing(ROW | changed) == fails


def test_the_kill_matrix_is_written(tmp_path):
    """As its documentation says, and in words."""
    every = [{"specimen": "specimen/rows/last-row-dropped", "laws": {"answer-shape": None}}]

    kill_figures.write_figures(tmp_path, [ROW, ROW | {"seeds": [None, 1, 1]}], every, 300, 100)

    written = json.loads((tmp_path / "kill-matrix.json").read_text())
    expected = {"specimens": 2, "of": 300, "seeds": 3, "dead": 1, "median": 2.5, "slowest": 4}
    assert written["summary"] == expected
    assert written["rows"][0] == {name: ROW[name] for name in ROW if name != "larger"}
    assert written["matrix"] == {"specimen/rows/last-row-dropped": {"answer-shape": None}}
    text = (tmp_path / "kill-matrix.md").read_text()
    assert "2 of 300 specimens were measured. 1 of 2 were refuted" in text
    assert "| specimen/rows/last-row-dropped | `answer-loss-is-mse` | 4 | 5 |" in text


@pytest.mark.parametrize(
    ("found", "lacks"),
    [
        ({"laws": "frozen-value", "tests": "test_masked"}, False),
        ({"laws": "frozen-value", "tests": None}, False),
        ({"laws": None, "tests": "test_masked"}, True),
        ({"laws": None, "tests": None}, True),
        ({"laws": None, "tests": None, "id": next(iter(EQUIVALENT))}, False),
        ({"stillborn": "TypeError"}, False),
    ],
)
def test_a_survivor_without_a_reason_fails(found, lacks):
    """So do tests of Optax that find more than the laws."""
    assert mutant_figures.lacking([CHANGE | found]) == lacks


def test_the_mutants_are_written(tmp_path, monkeypatch):
    """Both suites beside each other, and why each survivor survived."""
    monkeypatch.setattr(mutant_figures, "VERSIONS", ("optax",))
    rows = [
        CHANGE | {"laws": "frozen-value", "tests": None},
        CHANGE | {"laws": None, "tests": None},
    ]

    mutant_figures.write_figures(tmp_path, rows, 61)

    text = (tmp_path / "mutants.md").read_text()
    assert "| optax.transforms._masking | 2 | 0 | 1 | 0 |" in text
    assert "| `a → b` (line 7) | survived | **not explained** |" in text
    assert json.loads((tmp_path / "mutants.json").read_text())["of"] == 61


def test_laws_on_the_same_problems_are_judged_side_by_side():
    """They share their calls; all others stay in the order of the book."""
    subject = object_subject(linen_trainers.gradient_zeroing)
    items = plan_checks([subject])[0]

    ordered = soundness.side_by_side(items)

    draws = [item.law.draws for item in ordered]
    runs = [each for each, _ in itertools.groupby(draws)]
    assert len(runs) == len(set(draws)) < len(draws)
    assert {item.id for item in ordered} == {item.id for item in items}
    assert ordered[0] is items[0]


def test_the_soundness_run_is_written():
    """A line for each reference and for the accepted programs, and whatever is not plainly held."""
    reference = "exercise/linen"
    first, second, *_ = (each.target for each in accepted_programs(*TRAININGS))
    rows = [
        {"subject": reference, "verdict": "held", "examples": 2000, "reason": None},
        {"subject": reference, "verdict": "held", "examples": 90, "reason": "stopped after 90"},
        {
            "subject": accepted_programs(*EXERCISES)[0].target,
            "verdict": "refuted",
            "examples": 3,
            "reason": "it moved",
        },
        {"subject": first, "verdict": "not-run", "examples": 0, "reason": "no copies"},
        {"subject": second, "verdict": "not-run", "examples": 0, "reason": "no copies"},
    ]
    for row in rows:
        row["law"] = "frozen-value"

    text = soundness_figures.markdown(rows)

    assert "5 verdicts on 4 of " in text
    assert "2,093 examples, **1 false alarms**" in text
    assert f"| {reference} | 2 | 2,090 | 90 | 0 |" in text
    assert "| accepted exercises | 1 | 3 | 3 | 1 |" in text
    assert "| accepted trainers and wrappers | 0 | 0 | 0 | 0 |" in text
    assert f"| frozen-value | held | stopped after 90 | {reference} |" in text
    assert "| frozen-value | not-run | no copies | 2 |" in text
    assert text.count("| frozen-value |") == 3


def test_no_module_is_imported_before_its_mutant_can_stand_in_for_it():
    """Once the plans imported the law book, and with it a module: all its mutants survived."""
    look = (
        "import sys; "
        "from frostproof.properties.meta.measurements.mutation.mutation_plans import PLANS; "
        "print(*PLANS.keys() & sys.modules.keys())"
    )

    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
