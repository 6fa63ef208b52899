"""Runs of pytest that lose a process, or all: each law is in the report, with what became of it."""

import json
from collections import Counter

import jsonschema
import pytest

from frostproof.reports.results.reading import read_report, schema
from frostproof.reports.results.row import UNREACHED

#: A subject of the process itself, judged without JAX, which takes that process down.
CONFTEST = """
import os
import frostproof

calls = []

def dies(seed, x, y, lr):
    calls.append(seed)
    {death}
    return [1.0, 2.0, 2.0]

def pytest_frostproof_subjects(config):
    return [frostproof.Exercise(dies, api="linen")]
"""
FIRST_WORKER = "if os.environ.get('PYTEST_XDIST_WORKER') == 'gw0': os._exit(7)"
KILLED = "if len(calls) > 8: os.kill(os.getpid(), 9)"
LAWS = ("answer-shape", "answer-norms-equal", "answer-repeatable", "answer-inputs-untouched")


@pytest.fixture
def lose(pytester, monkeypatch):
    """Run four laws on three examples each, on a subject that dies; return result and report."""
    monkeypatch.setenv("FROSTPROOF_PROFILE", "ci")

    def run(death, *arguments):
        pytester.makeconftest(CONFTEST.format(death=death))
        terms = json.dumps({"max_examples": 3, "laws": LAWS})
        suite = ("--pyargs", "frostproof.properties", f"--frostproof-settings={terms}")
        result = pytester.runpytest_subprocess(*suite, "--report=out", *arguments, timeout=120)
        content = json.loads((pytester.path / "out" / "report.json").read_text())
        jsonschema.validate(content, schema())
        for found in (content["verdicts"], map(vars, read_report(pytester.path / "out").rows)):
            assert sorted(row["id"] for row in found) == sorted(f"conftest:dies::{n}" for n in LAWS)
        return result, content, read_report(pytester.path / "out")

    return run


def verdicts(report):
    return Counter(row.verdict for row in report.rows)


def test_a_crashed_worker_costs_one_verdict(lose):
    """The law that it ran is in error, and another worker judges the rest."""
    result, _, report = lose(FIRST_WORKER, "-n2")

    result.assert_outcomes(passed=3, failed=1)
    assert verdicts(report) == {"held": 3, "error": 1}
    assert report.finished
    (lost,) = (row for row in report.rows if row.verdict == "error")
    assert "ended before there was a verdict" in lost.reason


def test_what_no_worker_is_left_for_is_named(lose):
    """The laws that were never begun are not run, and the report says why."""
    _, _, report = lose(FIRST_WORKER, "-n1", "--max-worker-restart=0")

    assert verdicts(report) == {"error": 1, "not-run": 3}
    assert not report.finished
    assert report.summary == {"ran": 1, "of": 4, "not_run": {UNREACHED: 3}}


def test_a_killed_run_leaves_what_it_found(lose):
    """`kill -9` in the third law: report.json is valid and names the rest; no verdict is lost."""
    result, content, report = lose(KILLED)

    assert result.ret == -9
    assert not content["finished"]
    assert content["summary"]["not_run"][UNREACHED] >= 2
    assert verdicts(report) == {"held": 2, "not-run": 2}
    assert report.summary == {"ran": 2, "of": 4, "not_run": {UNREACHED: 2}}
