"""A subject that raises is red, whichever of its laws are selected."""

import json

import pytest

RAISES = """
import frostproof

def raises(seed, x, y, lr): raise KeyError("Dense_0")

@frostproof.laws(raises, kind="linen", max_examples=2)
def test_freeze(law): law()
"""
NORMS, SHAPE = "answer-norms-equal", "answer-shape"


@pytest.fixture
def project(pytester, monkeypatch):
    """A test of a subject that always raises."""
    monkeypatch.setenv("FROSTPROOF_PROFILE", "ci")
    pytester.makepyfile(test_raises=RAISES)
    return pytester


@pytest.mark.parametrize(
    ("arguments", "outcomes"),
    [
        (["-k", NORMS], {"failed": 1, "deselected": 10}),
        ([f"test_raises.py::test_freeze[{NORMS}]"], {"failed": 1}),
        (["-k", f"{NORMS} or {SHAPE}", "-n2"], {"failed": 1, "skipped": 1}),
        (["--frostproof-shard=1/2"], {"skipped": 4}),
    ],
    ids=["by -k", "by node id", "by workers", "a shard without the law"],
)
def test_what_raises_fails_once(project, arguments, outcomes):
    """By the law about it, or by those that are judged without it."""
    result = project.runpytest_subprocess(
        "-p", "no:cacheprovider", "-rs", "--report=out", *arguments
    )

    result.assert_outcomes(**outcomes)
    if "skipped" in outcomes:  # by its test, and not by our code
        result.stdout.fnmatch_lines([f"SKIPPED [[]*[]] test_raises.py:5: see {SHAPE}: *"])
    rows = json.loads((project.path / "out" / "report.json").read_text())["verdicts"]
    reasons = {row["reason"] for row in rows if row["verdict"] == "error"}
    assert all(reason.startswith("the call raised KeyError: 'Dense_0'") for reason in reasons)
    others = {row["reason"] for row in rows if row["verdict"] == "not-run"}
    assert all(reason.startswith(f"see {SHAPE}: the call raised KeyError") for reason in others)
