"""How far a run has come: a log hears of it now and then, and beside the verdicts."""

from io import StringIO
from types import SimpleNamespace
from unittest import mock

import pytest
from rich.console import Console
from rich.status import Status

from frostproof.properties.laws.book import BOOK, BY_ID
from frostproof.properties.meta.reports.formats.report_samples import row_of
from frostproof.reports.cli.main import main
from frostproof.reports.cli.terminal import Terminal
from frostproof.reports.results.report import Report

ROWS = [row_of("train.py:step", law, "held") for law in range(20, 28)]
CHECK = SimpleNamespace(subject_name="train.py:step", law=BY_ID["frozen-value"])


@pytest.fixture
def clock():
    with mock.patch("frostproof.reports.cli.terminal.monotonic", return_value=0.0) as clock:
        yield clock


def run_of(seconds, clock, received=(), terminal=False, **options):
    """Let a run take so many seconds, and return what it prints below its first line.

    Some rows are `received`, by the second in which their verdict comes.
    """
    screen = StringIO()
    told = Terminal(
        Console(file=screen, width=200, soft_wrap=True, force_terminal=terminal), **options
    )
    told.on_start(Report("ci", 0, ROWS))
    screen.truncate(0)
    screen.seek(0)
    for second in range(seconds):
        clock.return_value = float(second)
        if second in received:
            told.on_row(received[second])
        told.on_progress(CHECK, second)
    return screen.getvalue()


def test_a_log_of_a_long_run_hears_how_far_it_is(clock, capsys):
    """On standard error: a program that reads the verdicts finds nothing else among them."""
    printed = run_of(40, clock, {second: ROWS[second] for second in (1, 2, 3)})

    assert printed == ""
    line = "3 of 8 laws, about 50 s left: train.py:step frozen-value, 30 examples\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(("most", "left"), [(2000, "266 min"), (1000, "133 min"), (None, "13 min")])
def test_a_night_says_how_long_it_takes_while_its_first_law_is_judged(clock, capsys, most, left):
    """By the share of its examples, one in each second; without a number those of the profile."""
    run_of(31, clock, max_examples=most)

    line = f"0 of 8 laws, up to {left} left: train.py:step frozen-value, 30 examples\n"
    assert capsys.readouterr().err == line


def test_a_terminal_has_an_estimate_as_soon_as_something_tells(clock):
    """Not by the first examples, for which everything is compiled."""
    with mock.patch.object(Console, "status") as status:
        run_of(31, clock, terminal=True)

    (_, *early, last) = [each.args[0] for each in status.return_value.update.call_args_list]
    assert not any("left" in each for each in early)
    assert last == "0 of 8 laws, up to 13 min left: train.py:step frozen-value, 30 examples"


def test_a_verdict_takes_the_place_of_what_was_judged_of_its_law(clock, capsys):
    """It is not counted twice."""
    told = Terminal(max_examples=100)
    told.on_start(Report("ci", 0, ROWS))
    told.on_progress(CHECK, 50)
    told.on_row(row_of(CHECK.subject_name, BOOK.index(CHECK.law), "held"))
    clock.return_value = 40.0

    told.on_progress(SimpleNamespace(subject_name="train.py:step", law=BY_ID["frozen-norm"]), 0)

    line = "1 of 8 laws, up to 5 min left: train.py:step frozen-norm, 0 examples\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(("seconds", "lines"), [(30, 0), (31, 1), (600, 4), (3600, 6)])
def test_lines_are_few(clock, capsys, seconds, lines):
    """A short run has none, and one of an hour a handful."""
    run_of(seconds, clock)

    assert len(capsys.readouterr().err.splitlines()) == lines


@pytest.mark.parametrize(
    "options", [{"quiet": True}, {"terminal": True}], ids=["quiet", "on a terminal"]
)
def test_nothing_is_logged_where_nobody_waits_for_it(clock, capsys, options):
    """Failures alone are asked for, or progress is seen as it goes on."""
    run_of(600, clock, **options)

    assert capsys.readouterr().err == ""


def test_a_verdict_that_is_printed_is_a_sign_of_life(clock, capsys):
    """Where each verdict has its line, a log hears nothing more."""
    received = {20 * place + 1: row for place, row in enumerate(ROWS)}

    assert run_of(160, clock, received, verbose=True).count("held") == len(ROWS)
    assert capsys.readouterr().err == ""


def test_nothing_follows_from_the_first_examples(clock, capsys):
    """They may take minutes, in which everything is compiled."""
    told = Terminal()
    told.on_start(Report("ci", 0, ROWS))
    clock.return_value = 200.0

    told.on_progress(CHECK, 1)

    assert capsys.readouterr().err == "0 of 8 laws: train.py:step frozen-value, 1 example\n"


def test_subjects_that_are_loaded_are_a_sign_of_life(clock, capsys):
    """Each is tried before any is judged."""
    told = Terminal()
    for number in range(1, 28):
        clock.return_value = 8.0 * number
        told.on_loading(number, 27)

    lines = ["loading subject 4 of 27", "loading subject 12 of 27", "loading subject 27 of 27"]
    assert capsys.readouterr().err.splitlines() == lines


def test_the_cursor_comes_back_where_nothing_can_be_judged():
    """What a live terminal shows for the moment is taken away, whatever ends the run."""
    with (
        mock.patch.object(Console, "is_terminal", True),
        mock.patch.object(Status, "start"),
        mock.patch.object(Status, "stop") as stop,
    ):
        assert main(["verify", "none.py:fn"]) == 2

    stop.assert_called_once_with()
