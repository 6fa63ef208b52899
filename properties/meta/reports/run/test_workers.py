"""How many processes judge what is given by name."""

import pytest

from frostproof import verify
from frostproof.reports.run import parallel


@pytest.mark.parametrize("workers", [1, "1"])
def test_one_process_is_not_managed_by_another(monkeypatch, workers):
    """It has loaded the subject when it is asked for the first law."""
    monkeypatch.setattr(parallel, "judge_in_parallel", lambda *arguments: pytest.fail("by xdist"))

    report = verify("optax/partition", laws=["frozen-norm"], max_examples=3, workers=workers)

    assert [row.verdict for row in report.rows] in (["held"], ["proved"])
