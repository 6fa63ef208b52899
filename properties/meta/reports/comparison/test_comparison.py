"""`frostproof compare`: every change is named; known ones pass until their last day."""

from collections import Counter
from datetime import date

import pytest

from frostproof.properties.meta.prepared import report, row, written
from frostproof.reports.cli.main import main
from frostproof.reports.comparison.baseline import read_baseline
from frostproof.reports.comparison.compare import compare
from frostproof.reports.comparison.text import comparison_markdown, conclusion
from frostproof.reports.results.row import UNREACHED

KNOWN = """
[[known]]
id = "train.py:step::frozen-{}"
reason = "issue 12"
expires = 2030-01-31
"""


@pytest.mark.parametrize(
    ("before", "after", "kind", "alarms"),
    [
        ("held", "refuted", "regressed", True),
        ("held", "vacuous", "regressed", True),
        ("held", "error", "regressed", True),
        ("vacuous", "refuted", "regressed", True),
        ("not-run", "error", "regressed", True),
        (None, "refuted", "regressed", True),
        ("held", None, "gone", True),
        ("refuted", None, "gone", True),
        ("held", "not-run", "not run", True),
        ("refuted", "not-run", "not run", True),
        ("refuted", "refuted", "failing", False),
        ("refuted", "vacuous", "failing", False),
        ("error", "refuted", "failing", False),
        ("refuted", "held", "fixed", False),
        ("vacuous", "proved", "fixed", False),
        ("proved", "refuted", "regressed", True),
        ("proved", "vacuous", "regressed", True),
        ("proved", "not-run", "not run", True),
        ("proved", None, "gone", True),
        ("proved", "held", "unproved", False),
        ("proved", "proved", None, False),
        ("held", "proved", None, False),
        (None, "held", "new", False),
        (None, "not-run", "new", False),
        ("not-run", "held", "new", False),
        ("not-run", None, None, False),
        ("not-run", "not-run", None, False),
        ("held", "held", None, False),
    ],
)
def test_what_becomes_of_a_verdict(before, after, kind, alarms):
    """Who fails or is lost where it was not is an alarm, if anybody promised it."""
    for then, now in ((True, True), (True, False), (False, True), (False, False)):
        old = [] if before is None else [row("frozen-value", before, promised=then)]
        new = [] if after is None else [row("frozen-value", after, promised=now)]

        found = compare(report(*old), report(*new))

        assert [change.kind for change in found.changes] == ([kind] if kind else [])
        promised = (then and before is not None) or (now and after is not None)
        assert found.exit_status == (1 if alarms and promised else 0)


def test_the_command_names_everything(tmp_path, capsys):
    """On the terminal and in Markdown: verdicts, reasons, versions, how much ran."""
    old = written(
        tmp_path / "old",
        ("frozen-value",),
        ("frozen-bits", "refuted"),
        ("repeatable",),
        ("training-runs",),
        row("frozen-norm", promised=False),
        ("frozen-structure", "proved"),
        optax="0.2.6",
    )
    new = written(
        tmp_path / "new",
        ("frozen-value", "refuted"),
        ("frozen-bits",),
        row("repeatable", "not-run", reason="it lacks | `predict`"),
        ("exact-selection",),
        row("frozen-norm", "refuted", promised=False),
        ("frozen-structure",),
    )
    markdown = tmp_path / "changes.md"

    assert main(["compare", str(old), str(new / "report.json"), "--markdown", str(markdown)]) == 1

    printed = capsys.readouterr().out
    assert "train.py:step::frozen-value  held → refuted\n      frozen-value is refuted" in printed
    assert "it lacks | `predict`" in printed
    for text in (printed, markdown.read_text()):
        order = [text.lower().index(f"\n{sign}{word}") for sign, word in headings(text)]
        assert order == sorted(order)
        assert "promised laws: 1 regressed, 1 gone, 1 no longer run (frozen-value, " in text
        assert "optax 0.2.6 → 0.2.8" in text
        assert "ran 6 of 6 laws on 60 examples" in text
        assert "beyond the promise" in text
    assert r"it lacks \| <code>predict</code>" in markdown.read_text()


def headings(text):
    """Return the sections that have to be there, as they begin."""
    sign = "## " if text.startswith("#") else ""
    return [
        (sign, word)
        for word in ("regressed", "gone", "no longer run", "no longer proved", "fixed", "new")
    ]


def test_nothing_regressed(tmp_path, capsys):
    """The same run again: exit status 0, and a line that says so."""
    folder = written(tmp_path / "run", ("frozen-value",), ("frozen-bits", "refuted"))

    assert main(["compare", str(folder), str(folder)]) == 0

    printed = capsys.readouterr().out
    assert "still failing" in printed
    assert printed.endswith("nothing promised regressed\n")


def test_what_regressed_without_an_alarm_is_counted(tmp_path):
    """The line on top contradicts no table below it: beyond the promise, or known."""
    before = report(row("frozen-value"), row("frozen-norm", promised=False))
    after = report(row("frozen-value", "refuted"), row("frozen-norm", "refuted", promised=False))
    file = tmp_path / "baseline.toml"
    file.write_text(KNOWN.format("value"))

    beyond = compare(report(before.rows[1]), report(after.rows[1]))
    both = compare(before, after, read_baseline(file, date(2029, 1, 1)))

    assert (beyond.exit_status, both.exit_status) == (0, 0)
    assert conclusion(beyond) == (
        "no promised law regressed; beyond the promise: 1 regressed (frozen-norm)"
    )
    assert conclusion(both) == (
        "no promised law regressed that is not known; known: 1 regressed (frozen-value); "
        "beyond the promise: 1 regressed (frozen-norm)"
    )


def test_a_subject_that_cannot_be_judged_any_more_is_an_alarm(tmp_path, capsys):
    """Its laws are in no report; as long as that stays so, it is named and fails nothing."""
    usable = written(tmp_path / "usable", ("frozen-value",))
    reasons = {"train.py:it: no such | file": 1}
    unusable = written(tmp_path / "unusable", ("frozen-value",), unusable=Counter(reasons))
    markdown = tmp_path / "changes.md"

    assert main(["compare", str(usable), str(unusable), "--markdown", str(markdown)]) == 1
    printed, text = capsys.readouterr().out, markdown.read_text()
    assert "\ncannot be judged\n  train.py:it: no such | file\n" in printed
    assert "\n## Cannot be judged\n\n- train.py:it: no such \\| file\n" in text
    for each in (printed, text):
        assert "1 more subject cannot be judged; no promised law regressed" in each
    assert "❌" in text

    assert main(["compare", str(unusable), str(unusable)]) == 0
    printed = capsys.readouterr().out
    assert "\nstill cannot be judged\n  train.py:it: no such | file\n" in printed
    assert main(["compare", str(unusable), str(usable)]) == 0
    assert "no such" not in capsys.readouterr().out


def test_a_run_that_broke_off_says_so():
    """What it did not reach is no longer run, and why is said of the whole."""
    before = report(("frozen-value",))
    after = report(row("frozen-value", "not-run", reason=UNREACHED), finished=False)

    text = comparison_markdown(compare(before, after))

    assert "now: ran 0 of 1 laws on 10 examples, and ended before all laws were judged" in text
    assert f"held → not-run | {UNREACHED}" in text


def test_a_program_under_a_new_name_is_compared_with_itself():
    """Where each report has one subject; of several, each is known by its name."""
    old = report(("frozen-value",), ("repeatable",))
    new = report(
        row("frozen-value", "refuted", subject="v2.py:step"),
        row("repeatable", subject="v2.py:step"),
    )

    found = compare(old, new)

    assert [(each.id, each.kind) for each in found.changes] == [
        ("v2.py:step::frozen-value", "regressed")
    ]
    assert "train.py:step → v2.py:step" in comparison_markdown(found)
    also = report(*old.rows, row("repeatable", subject="other.py:step"))
    assert {each.kind for each in compare(also, new).changes} == {"gone", "regressed", "new"}


def test_a_long_list_is_cut_and_alarms_are_not():
    """All laws of a first night are new: nobody reads them."""
    many = [row("frozen-value", subject=f"a.py:s{number}") for number in range(90)]

    first = comparison_markdown(compare(report(), report(*many)))
    last = comparison_markdown(compare(report(*many), report()))

    assert "… and 60 more" in first
    assert last.count("held → none") == 90


def test_the_baseline_lets_known_failures_pass_until_their_last_day(tmp_path):
    """The day after, the failure is an alarm although nothing changed."""
    file = tmp_path / "baseline.toml"
    file.write_text(KNOWN.format("value"))
    held, refuted = report(("frozen-value",)), report(("frozen-value", "refuted"))

    def statuses(day):
        baseline = read_baseline(file, day)
        return [compare(before, refuted, baseline).exit_status for before in (held, refuted)]

    assert statuses(date(2030, 1, 31)) == [0, 0]
    assert statuses(date(2030, 2, 1)) == [1, 1]
    expired = comparison_markdown(compare(refuted, refuted, read_baseline(file, date(2030, 2, 1))))
    assert "expired on 2030-01-31: train.py:step::frozen-value (issue 12)" in expired
    assert "was known until 2030-01-31: issue 12" in expired
    assert "failing beyond their last day" in expired


def test_a_baseline_excuses_what_it_names_and_stale_entries_are_named(tmp_path):
    """A glob covers many; a law that is gone can be known too; what holds needs no entry."""
    file = tmp_path / "baseline.toml"
    file.write_text(KNOWN.format("*") + KNOWN.format("bits"))
    baseline = read_baseline(file, date(2029, 1, 1))
    before = report(("frozen-value",), ("frozen-norm",), ("repeatable",))
    after = report(("frozen-value", "refuted"), ("repeatable", "refuted"))

    found = compare(before, after, baseline)

    assert [change.id for change in found.alarms] == ["train.py:step::repeatable"]
    text = comparison_markdown(found)
    assert text.count("known until 2030-01-31: issue 12") == 2
    assert "stale, since nothing fails: train.py:step::frozen-bits (issue 12)" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[known]\n", "this file is not TOML"),
        ("known = 3", "[[known]] tables alone"),
        ("[[knwon]]\nid = 'a'", "[[known]] tables alone"),
        ("[[known]]\nid = 'a'\nreason = 'b'", "entry 1 must have id, reason and expires"),
        (KNOWN.format("a") + "more = 1", "and nothing else"),
        (KNOWN.format("a").replace("issue 12", " "), "`reason` must be a text"),
        (KNOWN.format("a").replace("2030-01-31", "'soon'"), "must be a day such as 2030-01-31"),
        (None, "No such file"),
    ],
)
def test_what_cannot_be_read_ends_with_2(text, expected, tmp_path, capsys):
    """A baseline, and below a report: one line that names the file."""
    run = written(tmp_path / "run", ("frozen-value",))
    file = tmp_path / "baseline.toml"
    if text is not None:
        file.write_text(text)

    assert main(["compare", str(run), str(run), "--baseline", str(file)]) == 2

    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith(f"frostproof: {file}: ")
    assert expected in printed.err

    assert main(["compare", str(run), str(file)]) == 2
    assert str(file) in capsys.readouterr().err
