"""What a project settles once: `[tool.frostproof]` in pyproject.toml, and laws known to fail."""

import json
import re

import pytest

from frostproof.reports.cli.main import main
from frostproof.reports.run.project_settings import project_settings

#: Cheap to run: no JAX, nothing trained.
TRAIN = """
import flax.linen
import numpy as np

def sound(seed, x, y, lr): return np.float32([1, 2, 2])
def thaws(seed, x, y, lr): return np.float32([1, 3, 2])
def raises(seed, x, y, lr): raise KeyError("Dense_0")
"""
TABLE = """
[tool.frostproof]
laws = ["answer-shape", "answer-norms-equal", "answer-inputs-untouched"]
max-examples = 3
promise = ["computes"]
seed = 7
timeout = 20.5
"""
TESTS = """
import frostproof, train

@frostproof.laws(train.thaws, promise=["norm"], expected={"answer-norms-equal": "issue 12"})
def test_known(law): law()

@frostproof.laws(train.thaws)
def test_beyond(law): law()

@frostproof.laws("train.py:raises", expected={"answer-shape": "is rewritten"})
def test_raises(law): law()

@frostproof.laws(train.sound, expected={"answer-norms-equal": "issue 13"}, max_examples=2)
def test_stale(law): law()
"""


def test_known_failures_under_the_settings_of_a_project(pytester):
    """One that fails is expected, one that holds is stale, one that cannot be is an error."""
    pytester.makepyfile(train=TRAIN, test_train=TESTS)
    pytester.makepyprojecttoml(TABLE + "[tool.pytest]\nstrict = true\n")
    for name, expected in {
        "unknown": '{"answer-norm-equal": "x"}',
        "empty": '{"answer-shape": " "}',
        "list": '["answer-shape"]',
        "other": '{"frozen-value": "x"}',
    }.items():
        text = f"import frostproof, train\n@frostproof.laws(train.sound, expected={expected})"
        pytester.makepyfile(**{f"test_{name}": f"{text}\ndef test_it(law): law()"})

    result = pytester.runpytest_subprocess(
        "-rx", "-W", "error", "--continue-on-collection-errors", "--report=out"
    )

    result.assert_outcomes(passed=6, failed=1, errors=4, xfailed=3, skipped=2)
    printed = re.sub(r"\s+", " ", result.stdout.str())
    for words in (
        "test_known[answer-norms-equal] - frozen kernel's norm changed: 2 → 3 (expected: issue 12)",
        "XFAIL test_train.py::test_beyond[answer-norms-equal] - beyond the promise: ",
        "(expected: is rewritten)",
        "norms-equal held on 2 examples, expected a failure (issue 13): remove the law from",
        "no law is called 'answer-norm-equal'; did you mean answer-norms-equal",
        "`expected` must give a reason for 'answer-shape'",
        "`expected` must map law ids to reasons, got ['answer-shape']",
        "`expected` names 'frozen-value', which does not apply to train:sound",
        "frostproof: ran 10 of 12 laws, profile ",
        ", seed 7; 4 subjects cannot be judged",
    ):
        assert words in printed
    rows = json.loads((pytester.path / "out" / "report.json").read_text())["verdicts"]
    assert [row["reason"] for row in rows if row["law"] == "answer-norms-equal"] == [
        "frozen kernel's norm changed: 2 → 3 (expected: issue 12)",
        "frozen kernel's norm changed: 2 → 3",
        "see answer-shape: the call raised KeyError: 'Dense_0' (train.py, line 6)",
        "expected to fail: issue 13",
    ]
    assert [row["expected"] for row in rows if row["expected"]] == ["issue 12", "is rewritten"]
    assert {row["examples"] for row in rows if row["verdict"] == "held"} == {2, 3}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[tool.frostproof]\nexamples = 3", "no key `examples`; its keys are laws, max-examples"),
        ("[tool.frostproof]\nmax_examples = 3", "no key `max_examples`"),
        ("[tool.frostproof]\nlaws = 'frozen-*'", "`laws` must be a list of globs on law ids, got"),
        ("[tool.frostproof]\npromise = [1]", "`promise` must be a list of guarantees, got [1]"),
        ("[tool.frostproof]\nseed = true", "`seed` must be an integer, got True"),
        ("[tool.frostproof]\ntimeout = '1'", "`timeout` must be a number of seconds, got '1'"),
        ("[tool.frostproof]\nmax-examples = 0", "`max_examples` must be at least 1, got 0"),
        ("[tool.frostproof]\nlaws = ['frozn']", "no law is called 'frozn'"),
        ("tool = 1", "must be a table"),
        ("[tool", "Expected ']'"),
    ],
)
def test_a_table_that_says_nothing_of_ours(table, words, tmp_path, monkeypatch, capsys):
    """One line names the file and the key."""
    (tmp_path / "pyproject.toml").write_text(table)
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)

    status = main(["verify", "train.py:sound"])

    error = capsys.readouterr().err
    assert status == 2
    assert error.count("\n") == 1
    assert words in error
    assert ("pyproject.toml" in error) == ("at least" not in words and "frozn" not in words)


def test_what_is_typed_comes_first(tmp_path, monkeypatch, capsys):
    """The table gives what the command line leaves out."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)

    status = main(["verify", "train.py:thaws", "-v", "--laws", "answer-norms-equal", "--seed", "3"])

    printed = capsys.readouterr().out
    assert status == 2
    assert "seed 3" in printed
    assert "refuted  answer-norms-equal" in printed
    assert "ran 1 of 11 laws" in printed
    assert "nothing promised could run" in printed


def test_there_need_not_be_a_table(tmp_path):
    """Nor a pyproject.toml."""
    assert project_settings(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'train'")
    assert project_settings(tmp_path) == {}
