"""What libraries test themselves, and what goes to their maintainers, is told as it ended."""

from collections import Counter

import pytest

from frostproof.reference.corpus.libraries import VALIDATIONS
from frostproof.reference.corpus.libraries.own_tests import OWN_TESTS
from frostproof.reports.libraries import scripts
from frostproof.reports.libraries.own_tests import about_freezing, read_results
from frostproof.reports.libraries.scripts import run_script, script_row

JUNIT = """<testsuites><testsuite>
<testcase classname="a.Freezing" name="test_freeze0" />
<testcase classname="a.Freezing" name="test_freeze1 (mask)" />
<testcase classname="a" name="test_loss[frozen]"><failure message="no&#10;more" /></testcase>
<testcase classname="a" name="test_mask"><skipped message="no TPU" /></testcase>
<testcase classname="" name="b"><error message="collection failure">E   no module
</error></testcase>
</testsuite></testsuites>"""


def test_how_each_test_ended_is_read(tmp_path):
    """A file that could not be collected is a failure, and not a file without tests."""
    (tmp_path / "results.xml").write_text(JUNIT)

    ran = read_results(tmp_path / "results.xml")

    assert [(each.outcome, each.reason) for each in ran] == [
        ("passed", ""),
        ("passed", ""),
        ("failed", "no"),
        ("skipped", "no TPU"),
        ("failed", "no module"),
    ]
    assert about_freezing(ran) == {
        "test_freeze": Counter(passed=2),
        "test_mask": Counter(skipped=1),
    }


def test_libraries_with_tests_are_at_fault():
    """Tests of a library without a fault would stand beside nothing."""
    assert OWN_TESTS.keys() <= {each.at_fault for each in VALIDATIONS if each.upstream}


@pytest.mark.parametrize(
    ("program", "shows"),
    [
        ("print('expected: 1\\nseen: 2')\nassert False, 'it | moved'", "yes"),
        ("print('expected: 1\\nseen: 1')", "no: nothing is wrong"),
        ("import nothing_of_this_name", "no: ModuleNotFoundError: No module named"),
    ],
    ids=["fault", "mended", "broken"],
)
def test_a_script_shows_its_fault_or_what_it_ended_with(program, shows, tmp_path, monkeypatch):
    """Whatever else goes wrong is not taken for the fault."""
    (fault,) = (each for each in VALIDATIONS if each.upstream == "optax_adam_none.py")
    monkeypatch.setattr(scripts, "UPSTREAM", tmp_path)
    said = (
        f'"""To Optax: it moves.\n\nFails with optax 0.2.8 (jax\n0.10.2), alone.\n"""\n{program}\n'
    )
    (tmp_path / "optax_adam_none.py").write_text(said)

    row = script_row(fault, run_script(fault, None))

    assert "| optax 0.2.8 (jax 0.10.2), alone |" in row
    assert f"| {shows}" in row
