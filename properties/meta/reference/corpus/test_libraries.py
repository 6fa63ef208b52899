"""The table of real libraries: its causes are complete, and what it says is found again."""

import re
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

import frostproof
from frostproof.reference.corpus.libraries import VALIDATIONS, Validation
from frostproof.reports.libraries.judging import judge
from frostproof.reports.libraries.latest import cells_of, rows_of, without_numbers
from frostproof.reports.libraries.table import broken_rows, judged_version, table_row

FOLDER = Path(frostproof.__file__).parent / "reference" / "corpus" / "libraries"
TABLE = (FOLDER / "README.md").read_text(encoding="utf-8")
#: Cells: recipe, library, what it keeps, breaks of its promise and beyond it, an example, since.
#: By recipe and library: several libraries have a recipe that is "the same, divided by partition".
ROWS = rows_of(TABLE)
#: What every recipe is about, beside the laws that refute it.
BASIC = ("training-runs", "frozen-value")

extra = pytest.mark.skipif(
    not all(map(find_spec, ("equinox", "haiku", "keras"))),
    reason="needs frostproof[libraries]",
)
recipes = pytest.mark.parametrize("recipe", VALIDATIONS, ids=lambda recipe: recipe.target)
#: The others need packages that a test does not install: the command judges them.
judged_here = pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in VALIDATIONS if recipe.environment is None],
    ids=lambda recipe: recipe.target,
)


def cells_about(recipe):
    if (recipe.recipe, recipe.library) not in ROWS:
        pytest.skip("its row is written by the command, which installs what it needs")
    return ROWS[recipe.recipe, recipe.library]


def laws_in(cells):
    return set(re.findall(r"`([a-z-]+)`", " ".join(cells)))


def test_every_row_has_its_recipe():
    """A row that nothing reproduces would stand for ever."""
    assert ROWS.keys() <= {(recipe.recipe, recipe.library) for recipe in VALIDATIONS}


@recipes
def test_each_refutation_has_its_cause(recipe):
    """No law refutes a recipe without a reason that is written down, and no reason is stale."""
    explained = [law for cause in recipe.causes for law in cause.laws]

    assert sorted(explained) == sorted(laws_in(cells_about(recipe)[3:5]))
    assert all(cause.sentence in TABLE for cause in recipe.causes)


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("upstream/*.py")))
def test_maintainers_can_see_it(script):
    """A script to send upstream belongs to a row, and shows the fault without frostproof."""
    (recipe,) = (recipe for recipe in VALIDATIONS if recipe.upstream == script)
    text = (FOLDER / "upstream" / script).read_text(encoding="utf-8")
    assert "frostproof" not in text
    if recipe.environment is not None:
        pytest.skip("it needs its own packages")
    fails_with = re.search(r"Fails with .*?(flax|keras|optax) (\d+\.\d+\.\d+)", text)
    if find_spec(fails_with[1]) is None or version(fails_with[1]) != fails_with[2]:
        pytest.skip("it was shown for another release")

    run = subprocess.run(
        [sys.executable, FOLDER / "upstream" / script], capture_output=True, text=True, timeout=120
    )

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("AssertionError: ")


@recipes
def test_a_script_says_the_release_that_was_judged(recipe):
    """What is sent upstream fails with the version that the table is about."""
    if recipe.upstream is None or recipe.environment is None:
        pytest.skip("nothing is pinned for it")
    text = (FOLDER / "upstream" / recipe.upstream).read_text(encoding="utf-8")

    assert f"{recipe.library} {judged_version(recipe)}" in text


@extra
@pytest.mark.parametrize(
    ("twin", "leaf"),
    [
        ("equinox_partition:bias_forgotten", "layers/0/bias"),
        ("haiku_partition:name_in_part", "mlp/~/linear_0"),
        ("keras_trainable:layer_forgotten", "backbone/norm"),
    ],
)
def test_a_faulty_twin_is_refuted(twin, leaf):
    """A library whose every recipe is accepted is told from one with a fault."""
    (row,) = judge(Validation(twin, twin, "twin"), ["frozen-value"]).rows

    assert row.verdict == "refuted"
    assert row.reason.startswith(leaf)


@extra
@judged_here
def test_the_run_reproduces_the_table(recipe):
    """What refuted a recipe refutes it again, by the same leaf and optimizer, and nothing else."""
    cells = cells_about(recipe)
    if cells[1] != f"{recipe.library} {judged_version(recipe)}":
        pytest.skip("the table is about another release")
    expected = laws_in(cells[3:5])

    report = judge(recipe, {*expected, *BASIC})

    assert {row.law for row in broken_rows(report)} == expected
    again = cells_of(table_row(recipe, report))
    assert laws_in(again[3:4]) == laws_in(cells[3:4])
    assert without_numbers(again[5]) == without_numbers(cells[5])
