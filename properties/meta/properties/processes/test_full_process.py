"""A process that holds too many programs is replaced, and no subject is accused of it."""

import pytest

from frostproof.properties.plan.run_settings import RunSettings
from frostproof.properties.processes.worker_client import Worker

VERDICT = {"outcome": "held", "examples": 7, "counterexample": None}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([{"full": True}, {"verdict": VERDICT}], "held"),
        ([{"full": True}, {"full": True}], "not-run"),
    ],
    ids=["the next one goes on", "the next one fills up, too"],
)
def test_a_full_process_is_replaced(monkeypatch, answers, outcome):
    """Once: a law whose own examples fill a process has not run."""
    replaced = []
    monkeypatch.setattr(Worker, "_ask", lambda self, request, progress: answers.pop(0))
    monkeypatch.setattr(Worker, "rest", lambda self: replaced.append(self))

    with Worker(60.0) as worker:
        settings = RunSettings.of(max_examples=7, seed=0)
        verdict = worker.judge("a:b", None, "frozen-value", settings, print)
        assert len(replaced) == 1

    assert verdict.outcome == outcome
