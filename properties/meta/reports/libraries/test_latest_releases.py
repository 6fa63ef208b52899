"""What a new release changes is told by the cell, and nothing else is."""

import pytest

from frostproof.reference.corpus.libraries import Validation
from frostproof.reference.corpus.libraries.environments import Environment
from frostproof.reports.libraries import latest
from frostproof.reports.libraries.environments import EnvironmentNotMade
from frostproof.reports.libraries.latest import at_newest, cells_of, row_changes, rows_of
from frostproof.reports.libraries.since import first_release

TABLE = """
| recipe | library | keeps | breaks, though promised | breaks beyond | example | since |
|---|---|---|---|---|---|---|
| `fit` | gpjax 1.0.0 | computes | `frozen-value` | – | w: 0.1 → 0.2 (3 ulps), \\| adam | 0.9.0 |
"""
ENVIRONMENT = Environment("gpjax", ("gpjax==1.0.0", "equinox==0.1"))
RECIPE = Validation("gpjax_fit:fit", "`fit`", "gpjax", environment=ENVIRONMENT)
ROW = TABLE.splitlines()[-1]


def test_a_row_is_found_by_its_recipe_and_library():
    """Neither the head nor the rule below it is a row, and an escaped bar ends no cell."""
    assert rows_of(TABLE) == {("`fit`", "gpjax"): cells_of(ROW)}
    assert cells_of(ROW)[5:] == ["w: 0.1 → 0.2 (3 ulps), \\| adam", "0.9.0"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3 ulps", "4 ulps", ""),
        ("1.0.0", "1.1.0", ""),
        ("`frozen-value`", "–", "  - breaks, though promised: `frozen-value` → –"),
        ("computes", "value", "  - keeps: computes → value"),
        ("w: ", "b: ", "  - smallest counterexample: "),
    ],
    ids=["rounding", "version", "mended", "keeps", "leaf"],
)
def test_a_changed_cell_is_named(old, new, said):
    """A number that another processor rounds differently is not a change, nor is a version."""
    told = row_changes(RECIPE, ROW.replace(old, new), rows_of(TABLE))

    if not said:
        assert told.endswith("as in the table")
        assert "\n" not in told
    else:
        first, second = told.splitlines()
        assert first.endswith("changed")
        assert second.startswith(said)


def test_a_release_is_told_beside_the_one_of_the_table():
    """Both versions stand in the line."""
    newer = at_newest(RECIPE, {"gpjax": "1.1.0", "equinox": "2"}.get)

    told = row_changes(newer, ROW.replace("1.0.0", "1.1.0"), rows_of(TABLE))

    assert told == "- `fit`, gpjax 1.0.0 → 1.1.0: as in the table"


def test_the_newest_is_that_of_the_libraries():
    """What else an environment holds comes as pip takes it, or stays where nothing is shared."""
    helper = ("gpjax==1.0.0", "helper==1")
    shared = Validation("a:b", "b", "gpjax", environment=Environment("a", helper))
    apart = Validation("a:b", "b", "gpjax", environment=Environment("a", helper, shares=False))

    found = [at_newest(each, lambda name: "7").environment.packages for each in (shared, apart)]

    assert found == [("gpjax==7", "helper"), ("gpjax==7", "helper==1")]


def test_what_differs_comes_first_and_is_the_status(tmp_path, monkeypatch, capsys):
    """Also where a release cannot be installed."""
    monkeypatch.setattr(latest, "TABLE", tmp_path / "table.md")
    latest.TABLE.write_text(TABLE)
    monkeypatch.setattr(latest, "newest", lambda name: "1.1.0")
    monkeypatch.setattr(latest, "table_row", lambda *_: ROW)
    reports = [None, EnvironmentNotMade("no wheel")]

    def judge(_):
        if error := reports.pop(0):
            raise error

    monkeypatch.setattr(latest, "kept_or_judged", judge)

    assert latest.print_changes([RECIPE, RECIPE], tmp_path / "summary.md") == 1

    same, differs = capsys.readouterr().out.splitlines()
    assert same.endswith("as in the table")
    assert differs == "- `fit`, gpjax 1.0.0 → 1.1.0: not judged: no wheel"
    assert (tmp_path / "summary.md").read_text().splitlines()[2:] == [differs, same]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((True, True, True), ("0", "")),
        ((False, False, True, True), ("2", "1 does not have it")),
        ((None, None, None, True, True), ("3", "2 does not run the script")),
        ((False, False, False, True), ("3", "2 does not have it")),
    ],
)
def test_the_first_release_with_a_fault_is_found(answers, expected):
    """And what is known of the one before it."""
    releases = [str(number) for number in range(len(answers))]

    assert first_release(releases, lambda version: answers[int(version)]) == expected
