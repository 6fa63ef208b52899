"""The line of a subject on the terminal: what it says, and by which mark."""

import io
import re
from dataclasses import replace
from unittest import mock

import pytest
from rich.console import Console

from frostproof.properties.laws.book import BY_ID
from frostproof.reports.cli.terminal import Terminal
from frostproof.reports.formats.wording import conclusion
from frostproof.reports.results.guarantees import Asked
from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row

MARKS = ("✓", "✗", "–")
OMITTED = Asked(omitted=("frozen-any-learning-rate", "frozen-under-overflow"))


def row(law, verdict, subject="s", **fields):
    guarantee = BY_ID[law].guarantee
    return Row(f"{subject}::{law}", subject, law, guarantee, True, verdict, 9, seconds=7, **fields)


def printed(report):
    """Return the line of the subject, and the last of the run."""
    screen = io.StringIO()
    with mock.patch(
        "frostproof.reports.cli.terminal.monotonic", return_value=0.0
    ):  # on a busy machine
        terminal = Terminal(Console(file=screen, width=200))
        terminal.on_start(report)
        for each in report.rows:
            terminal.on_row(each)
        terminal.on_end(report)
    lines = screen.getvalue().splitlines()
    end = lines[-1]
    line = next(each for each in lines if each[:1] in MARKS)
    assert end == conclusion(report) or ": " in end
    return line.removeprefix("✓ s  "), end


@pytest.mark.parametrize(
    ("rows", "asked", "line"),
    [
        ([row("frozen-value", "held")], Asked(), "keeps value  1 law, 9 examples, 0.0 s"),
        ([row("frozen-value", "held")], OMITTED, "holds frozen-value  1 law, 9 examples, 0.0 s"),
        (
            [row(law, "held") for law in ("frozen-norm", "frozen-value", "frozen-bits")],
            OMITTED,
            "holds frozen-norm, frozen-value, frozen-bits  3 laws, 27 examples, 0.0 s",
        ),
        (
            [row("frozen-norm", "refuted"), row("frozen-value", "held")],
            OMITTED,
            "✗ s  fails frozen-norm; holds frozen-value  2 laws, 18 examples, 0.0 s",
        ),
        (
            [row("frozen-norm", "error")],
            OMITTED,
            "✗ s  fails frozen-norm  1 law, 9 examples, 0.0 s",
        ),
        (
            [row("loss-is-mse", "not-run", reason="needs `loss=`")],
            OMITTED,
            "– s  nothing promised could run  0 laws, 9 examples, 0.0 s",
        ),
        (
            [row("loss-is-mse", "not-run", reason="needs `loss=`")],
            Asked(),
            "– s  keeps nothing; nothing promised could run  0 laws, 9 examples, 0.0 s",
        ),
        (
            [row("frozen-value", "held"), row("frozen-norm", "not-run", reason="of its lack")],
            Asked(),
            "keeps value; not shown: norm (frozen-norm: of its lack)  1 law, 18 examples, 0.0 s",
        ),
    ],
)
def test_the_line_of_a_subject(rows, asked, line):
    """Guarantees, where all laws about them were judged; else the laws that were chosen."""
    assert printed(Report("ci", 0, rows, asked={"s": asked}))[0] == line


def test_of_several_subjects_each_has_its_own_seconds():
    """They are judged side by side; of one, the line has the seconds that a person waited."""
    rows = [row("frozen-value", "held", subject) for subject in ("s", "other")]

    line, _ = printed(Report("", 0, rows))

    assert line.endswith("7.0 s")


@pytest.mark.parametrize(
    ("rows", "asked", "end"),
    [
        ([row("frozen-value", "held")], Asked(), "everything promised held"),
        ([row("frozen-value", "held")], OMITTED, "the chosen laws held"),
        (
            [row("frozen-value", "held"), row("frozen-norm", "not-run", reason="of what it lacks")],
            OMITTED,
            "the chosen laws held; not shown: norm (frozen-norm: of what it lacks)",
        ),
        (
            [row("frozen-value", "held"), row("frozen-norm", "not-run", reason="of what it lacks")],
            Asked(),
            "held; not shown: norm (frozen-norm: of what it lacks)",
        ),
        (
            [replace(row("frozen-value", "held"), promised=False)],
            Asked(("isolated",), ("trains-as-if-alone",)),
            "nothing promised could run: the chosen laws are about value, which is not promised",
        ),
        (
            [row("frozen-value", "held"), row("frozen-norm", "refuted", expected="issue 12")],
            Asked(),
            "everything else promised held; as expected, failed: frozen-norm",
        ),
        (
            [row("frozen-value", "held"), row("frozen-norm", "refuted", expected="issue 12")],
            OMITTED,
            "the other chosen laws held; as expected, failed: frozen-norm",
        ),
        (
            [row("frozen-value", "not-run", reason="of what it lacks")],
            OMITTED,
            "nothing promised could run",
        ),
    ],
)
def test_the_last_line_of_a_run(rows, asked, end):
    """What the choice of laws leaves open nobody has to be told; what could not run, he has."""
    assert printed(Report("ci", 0, rows, asked={"s": asked}))[1] == end


def test_a_subject_of_which_nothing_is_to_say_has_no_line_at_the_end():
    """Its laws held, and others were left out: the line with its mark has said so."""
    rows = [row("frozen-value", "held", "good"), row("frozen-value", "refuted", "bad")]
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, width=200))
    report = Report("ci", 0, rows, asked=dict.fromkeys(("good", "bad"), OMITTED))
    terminal.on_start(report)

    terminal.on_end(report)

    lines = [line.strip() for line in screen.getvalue().splitlines()]
    assert any(line.startswith("bad breaks value") for line in lines)
    assert "good" not in lines


@pytest.mark.parametrize(("others", "shown"), [(1, True), (2, False)])
def test_a_single_other_reason_is_told(others, shown):
    """The line that says to look elsewhere would be as long."""
    reasons = [f"of lack {number}" for number in range(4 + others)]
    rows = [replace(row("loss-is-mse", "not-run", reason=each), id=each) for each in reasons]
    screen = io.StringIO()

    Terminal(Console(file=screen, width=200)).on_end(Report("ci", 0, rows))

    assert (f"1 not run: {reasons[4]}" in screen.getvalue()) == shown
    assert ("2 not run for other reasons: see -v" in screen.getvalue()) != shown


@pytest.mark.parametrize("verbose", [False, True])
def test_what_a_keyword_is_stands_where_every_law_is_listed(verbose):
    """The end of another run names the keyword alone."""
    rows = [row("copies-follow", "not-run", reason="needs `copies=` (what follows what)")]
    screen = io.StringIO()

    Terminal(Console(file=screen, width=200), verbose=verbose).on_end(Report("ci", 0, rows))

    said = "`copies=` (what follows what)" if verbose else "`copies=`: see -v"
    assert f"1 not run: needs {said}\n" in screen.getvalue()


def test_columns_and_assumptions_of_many_verdicts():
    """Numbers stand below each other, and what proofs assume is said once for each subject."""
    laws = ("same-selection-for-every-representation", "frozen-norm", "frozen-value")
    rows = [row(law, "proved", reason="for every input, if it is traced") for law in laws]
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, width=200), verbose=True)
    terminal.on_start(Report("ci", 0, rows))

    for each in (replace(rows[0], examples=1), *rows[1:]):
        terminal.on_row(each)

    lines = screen.getvalue().splitlines()
    counts = [re.search("( 1 example | 9 examples) +7", line) for line in lines if "7.00 s" in line]
    assert len({each.end() for each in counts}) == 1
    assert screen.getvalue().count("if it is traced") == 1


@pytest.mark.parametrize(
    ("law", "reason", "news"),
    [
        ("frozen-value", "body/bias: frozen leaf changed at step 1: 0 → 1", "body/bias"),
        (
            "training-runs",
            "step 1 raised ValueError: no (a.py, line 4)",
            "step 1 raised ValueError",
        ),
        ("loss-is-mse", "the loss is 1, expected 2", "the loss is 1, expected 2"),
        ("answer-shape", "the answer is {'loss': 0.5}", "the answer is {'loss': 0.5}"),
    ],
)
def test_a_log_names_the_first_failure_at_once(law, reason, news):
    """What happened to the leaf is for the block at the end, which would say it again."""
    rows = [row(law, "refuted", reason=reason), row("frozen-norm", "held")]
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, width=200))
    terminal.on_start(Report("ci", 0, rows))

    terminal.on_row(rows[0])

    assert screen.getvalue().splitlines()[1:] == [f"refuted  {law}: {news}"]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_long_exception_is_told_whole_once(verbose, elsewhere):
    """In the block of its law; where there is none, nothing is left out."""
    message = f"step 1 raised ValueError: {'a shape, ' * 50}the end (train.py, line 4)"
    example = {"law": BY_ID["training-runs"].statement, "message": message, "problems": []}
    told = {"reason": message, "counterexample": {**example, "facts": {}}}
    runs = row("training-runs", "error", **told)
    rows = [runs] if not elsewhere else [row("training-runs", "held")]
    rows += [row("frozen-value", "not-run", reason=f"see training-runs: {message}")]
    report = Report("ci", 0, rows)
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, width=2000), verbose=verbose)
    terminal.on_start(report)
    for each in rows:
        terminal.on_row(each)

    terminal.on_end(report)

    whole = screen.getvalue().count("a shape, the end (train.py, line 4)")
    shortened = screen.getvalue().count(" … (train.py, line 4)")
    if elsewhere:
        assert (whole > 1, shortened) == (True, 0)
    else:
        assert (whole, shortened) == (1, int(verbose))
        assert "  1 not run: see training-runs\n" in screen.getvalue()
