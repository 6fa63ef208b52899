"""A log hears of the first failure at once, and not at the end of the run."""

from io import StringIO

import pytest
from rich.console import Console

from frostproof.properties.meta.reports.formats.report_samples import row_of
from frostproof.reports.cli.terminal import Terminal
from frostproof.reports.results.report import Report

ROWS = [
    row_of("train.py:step", 20, "held"),
    row_of("train.py:step", 21, "refuted", promised=False),
    row_of("train.py:step", 22, "refuted", reason="w[0]: frozen leaf changed\nby much"),
    row_of("train.py:step", 23, "refuted"),
    row_of("train.py:step", 24, "refuted"),
]
OTHER = [row_of("other.py:step", law, "held") for law in (20, 21)]


def printed_before_the_end(rows, received, terminal=False, **options):
    """Return the lines that are printed below the first one while laws are judged."""
    screen = StringIO()
    console = Console(
        file=screen, width=200, soft_wrap=True, highlight=False, force_terminal=terminal
    )
    told = Terminal(console, **options)
    told.on_start(Report("ci", 0, rows))
    screen.truncate(0)
    screen.seek(0)
    for row in received:
        told.on_row(row)
    return screen.getvalue().splitlines()


def test_the_first_promised_failure_is_told_at_once():
    """In one line, on which the law comes first; the others wait for the line of the subject."""
    said = f"{ROWS[2].law}: w[0]"  # what happened to it stands in the block at the end

    assert printed_before_the_end(ROWS, ROWS[:2]) == []
    assert printed_before_the_end(ROWS, ROWS[:4]) == [f"refuted  {said}"]
    assert printed_before_the_end(ROWS + OTHER, ROWS[:4]) == [f"refuted  train.py:step :: {said}"]


@pytest.mark.parametrize(
    "options", [{"terminal": True}, {"quiet": True}], ids=["on a terminal", "quiet"]
)
def test_nothing_is_told_twice_where_progress_is_seen(options):
    """Nor where only failures are asked for, which the end tells."""
    assert printed_before_the_end(ROWS, ROWS[:4], **options) == []


def test_what_the_line_of_the_subject_says_next_is_not_told_before():
    """A run by a single law, and one of many subjects, have a line for each soon."""
    (line,) = printed_before_the_end(ROWS[2:3], ROWS[2:3])
    assert "fails" in line
    many = [row_of(f"{name}.py:step", law, "refuted") for name in "abcd" for law in (20, 21)]
    assert printed_before_the_end(many, many[:1]) == []
