"""A subject that cannot be judged is an error in its own test, and in no other."""

import json
import re

import pytest

TRAIN = """
import flax.linen
import numpy as np

def sound(seed, x, y, lr): return np.float32([1, 2, 2])
def thaws(seed, x, y, lr): return np.float32([1, 3, 2])
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """Code to be judged, cheap to run."""
    monkeypatch.setenv("FROSTPROOF_PROFILE", "ci")
    pytester.makepyfile(train=TRAIN)
    return pytester


#: What is said of a mark that judges nothing.
UNUSABLE = {
    "len": "len(obj, /) is not of a known kind: an exercise is called as *",
    "'train.py:sund'": "train.py:sund: the module has no 'sund'; did you mean sound?",
    "trainer": "`bas` in `frozen` matches no leaf (did you mean `base`?): the leaves are base",
    "train.sound, max_examples=0": "`max_examples` must be at least 1, got 0",
    "train.sound, expected={'answer-shap': 'x'}": "no law is called 'answer-shap'; did you mean *",
    "train.sound, expected={'answer-shape': ''}": "`expected` must give a reason for *",
    "train.sound, laws=['answer-shape']": "`@frostproof.laws` has no argument `laws`: choose laws "
    "by `pytest -k frozen-value`, or *",
    "train.sound, examples=5": "`@frostproof.laws` has no argument `examples` (did you mean "
    "`max_examples`?): it takes subject, kind, promise, max_examples, expected",
    "": "`@frostproof.laws` needs a subject: write `@frostproof.laws(subject)`",
    "train.sound, 'linen'": "`@frostproof.laws` takes one subject, and by name kind, promise, *",
    "[train.sound, train.thaws]": "`@frostproof.laws` takes one subject, got a list: write *",
}
MISSPELT = """
import frostproof, train
trainer = frostproof.LinenTrainer(
    lambda seed, batch, optimizer: {"base": batch.x}, lambda state, batch: (state, 0.0),
    params=lambda state: state, frozen=("bas",),
)
"""


def test_a_test_of_no_known_subject_is_an_error_of_its_own(project):
    """One line says why, and none is of our code; the other tests of its file are fine."""
    tests = [
        f"@frostproof.laws({subject})\ndef test_{number}(law): law()"
        for number, subject in enumerate(UNUSABLE)
    ]
    project.makepyfile(test_own="def test_own(): pass\n" + MISSPELT + "\n".join(tests))

    result = project.runpytest_subprocess("--report=out")

    result.assert_outcomes(passed=1, errors=len(UNUSABLE))
    printed = result.stdout.str()
    for number, reason in enumerate(UNUSABLE.values()):
        line = reason.replace("[", "[[]")
        result.stdout.fnmatch_lines([f"_* ERROR at setup of test_{number}[[]unusable[]] *_", line])
        error = f"ERROR test_own.py::test_{number}[[]unusable[]] - Failed: {line[:20]}*"
        result.stdout.fnmatch_lines([error])
    assert not re.search("Traceback|Error:|reports/pytest|another exception|ran 0 of", printed)
    assert json.loads((project.path / "out" / "report.json").read_text())["verdicts"] == []


def test_a_decorator_without_parentheses_loses_no_test(project):
    """It is given the test, which pytest would not find any more."""
    project.makepyfile(
        test_own="""
        import frostproof
        @frostproof.laws
        def test_it(law): law()
        @frostproof.laws
        class TestIt:
            def test_it(self, law): law()
        """
    )

    result = project.runpytest_subprocess()

    result.assert_outcomes(errors=2)
    line = "`@frostproof.laws` needs a subject: write `@frostproof.laws(subject)`"
    result.stdout.fnmatch_lines([line, line])


def test_a_test_without_a_law_is_an_error_of_its_own(project):
    """Pytest ends the collection of a file where a test lacks what is set; what it has stays."""
    project.makepyfile(
        test_own="""
        import frostproof, pytest, train
        @pytest.mark.parametrize("rows", [1])
        @frostproof.laws(train.sound)
        def test_it(rows): pass
        def test_own(): pass
        """
    )

    result = project.runpytest_subprocess()

    result.assert_outcomes(passed=1, errors=1)
    line = "`test_it` takes no law: give it an argument `law`, and call `law()` in it"
    result.stdout.fnmatch_lines([line])


def test_marks_of_pytest_count_for_an_unusable_subject(project):
    """As they do for any other test that ends before its body."""
    project.makepyfile(
        test_own="""
        import frostproof, pytest
        @pytest.mark.skip
        @frostproof.laws(len)
        def test_skipped(law): law()
        @pytest.mark.xfail
        @frostproof.laws(len)
        def test_xfailed(law): law()
        """
    )

    result = project.runpytest_subprocess("--report=out")

    result.assert_outcomes(skipped=1, xfailed=1)
    assert "unusable" not in json.loads((project.path / "out" / "report.json").read_text())


def test_an_unusable_subject_is_chosen_as_its_laws_are(project):
    """It is red beside the laws of others, and a report names it; other tests may be run alone."""
    project.makepyfile(
        test_own="""
        import frostproof, train
        @frostproof.laws("train.py:sund")
        @frostproof.laws(train.sound, max_examples=1)
        def test_it(law): law()
        def test_own(): pass
        """
    )

    chosen = project.runpytest_subprocess("-k", "norms-equal", "--report=out")
    others = project.runpytest_subprocess("-k", "test_own and not test_it")

    chosen.assert_outcomes(passed=1, errors=1, deselected=11)
    reason = "train.py:sund: the module has no 'sund'; did you mean sound?"
    report = json.loads((project.path / "out" / "report.json").read_text())
    assert report["unusable"] == {reason: 1}
    assert report["summary"] == {"ran": 1, "of": 11, "not_run": {"deselected": 10}}
    chosen.stdout.fnmatch_lines(
        ["frostproof: ran 1 of 11 laws, profile ci, seed *; 1 subject cannot be judged"]
    )
    for name in ("report.md", "report.html"):
        page = (project.path / "out" / name).read_text()
        assert "he chosen laws held; 1 subject cannot be judged" in page
        assert "Cannot be judged: train.py:sund: the module has no " in page
    others.assert_outcomes(passed=1, deselected=12)


def test_a_target_that_cannot_be_judged_takes_none_with_it(project):
    """Each that was named by an option is judged, or ends in its own error."""
    named = ("--subject", "train.py:sound", "--subject", "train.py:sund", "--subject", "none.py:fn")

    result = project.runpytest_subprocess(*named, "-n2", "-k", "answer-shape", "--report=out")

    result.assert_outcomes(passed=1, errors=2)
    report = json.loads((project.path / "out" / "report.json").read_text())
    assert [row["verdict"] for row in report["verdicts"]] == ["held"]
    assert len(report["unusable"]) == 2
    assert "train.py:sund: the module has no 'sund'; did you mean sound?" in report["unusable"]
