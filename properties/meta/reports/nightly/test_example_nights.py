"""The rehearsal that is kept as an example: real reports, and what is said of them today."""

from pathlib import Path

import frostproof
from frostproof.reports.comparison.compare import compare
from frostproof.reports.comparison.text import comparison_markdown
from frostproof.reports.results.reading import read_report

FOLDER = Path(frostproof.__file__).parent / "reports" / "examples" / "two-nights"


def test_the_example_is_what_compare_says():
    """Two nights, on the oldest supported and the latest Optax, and their comparison."""
    oldest, latest = (read_report(FOLDER / f"{night}.json") for night in ("oldest", "latest"))

    found = compare(oldest, latest)

    assert (oldest.versions["optax"], latest.versions["optax"]) == ("0.2.6", "0.2.8")
    assert oldest.finished
    assert latest.finished
    assert comparison_markdown(found) == (FOLDER / "comparison.md").read_text(encoding="utf-8")
