"""A report on disk while its run goes on: valid at every moment, exact, and whole after a fault."""

import json

import jsonschema
import pytest

from frostproof.properties.engine.verdict import Verdict
from frostproof.properties.laws.book import BOOK
from frostproof.properties.meta.prepared import no_file_larger_than
from frostproof.properties.plan.checks import Check, NamedSubject
from frostproof.reports.cli.main import main
from frostproof.reports.formats.files import FILES
from frostproof.reports.results.reading import UnreadableReport, read_report, schema
from frostproof.reports.results.row import UNREACHED, Row
from frostproof.reports.run.recorder import JOURNAL, Recorder

ITEMS = [Check(NamedSubject("a.py:f", "trainer"), law, True) for law in BOOK[:12]]
HELD = Verdict("held", 100, labels={f"a label like any other, number {n}": 60 for n in range(20)})


def begun(folder):
    recorder = Recorder("ci", 0, folder)
    recorder.expects(map(Row.unreached, ITEMS))
    return recorder


def on_disk(folder):
    """Return report.json, which is valid at any moment."""
    content = json.loads((folder / "report.json").read_text())
    jsonschema.validate(content, schema())
    return content


def test_every_row_is_on_disk_as_soon_as_it_is_there(tmp_path):
    """In the journal, which is what is read; report.json names the rest, and is left at the end."""
    recorder = begun(tmp_path)
    assert on_disk(tmp_path)["summary"]["ran"] == 0

    for number, item in enumerate(ITEMS, 1):
        recorder.records(Row.of(item, HELD))
        report = read_report(tmp_path)
        assert report.summary["ran"] == number
        assert not report.finished
        assert {row.id for row in report.rows} == {item.id for item in ITEMS}
        assert set(report.summary["not_run"]) <= {UNREACHED}
        assert on_disk(tmp_path)["summary"]["of"] == len(ITEMS)

    assert recorder.close() == read_report(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    assert on_disk(tmp_path)["finished"]


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    """All before it count; a broken one among them is said."""
    recorder = begun(tmp_path)
    for item in ITEMS[:2]:
        recorder.records(Row.of(item, HELD))
    journal = tmp_path / JOURNAL
    whole = journal.read_text()

    journal.write_text(whole[:-30])
    assert read_report(tmp_path).summary["ran"] == 1

    journal.write_text(whole.replace("a.py:f", '"', 1))
    with pytest.raises(UnreadableReport, match="not a journal of frostproof"):
        read_report(tmp_path)


@pytest.mark.parametrize("room", [5_000, 6_543, 10_000])
def test_a_full_disk_costs_no_verdict(tmp_path, room):
    """What is there is valid and says what is missing; with room again, the report is whole."""
    with no_file_larger_than(room):
        recorder = begun(tmp_path)
        for item in ITEMS:
            recorder.records(Row.of(item, HELD))
        report = recorder.close()

        assert report.unwritten == f"{tmp_path}: File too large: the report there is not complete"
        assert (report.exit_status, report.summary["ran"]) == (2, len(ITEMS))
        assert not on_disk(tmp_path)["finished"]
        assert read_report(tmp_path).summary["ran"] < len(ITEMS)
        assert not list(tmp_path.glob(".*"))

    report = recorder.close()
    assert report.unwritten is None
    assert read_report(tmp_path) == report
    assert on_disk(tmp_path)["summary"]["ran"] == len(ITEMS)


def test_a_disk_that_is_full_at_once_ends_the_run_before_it_begins(tmp_path, capsys):
    """One line says so; nothing is judged whose report would be lost."""
    with no_file_larger_than(100):
        target = "frostproof.reference.correct.wrappers:freeze_after_optimizer"
        assert main(["verify", target, "--report", str(tmp_path)]) == 2

    printed = capsys.readouterr()
    assert printed.err == f"frostproof: --report {tmp_path}: File too large\n"
    assert printed.out == ""


def test_an_interrupted_run_says_so_and_leaves_its_report(tmp_path, monkeypatch, capsys):
    """Ctrl+C ends with one line, and with all files on what was judged."""

    class Interrupted:
        """Judges one law, and is interrupted in the next."""

        def __init__(self, terms):
            self.judged = []

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def subject(self, name, kind):
            return NamedSubject(name, "linen")

        def __call__(self, item, progress):
            if self.judged:
                raise KeyboardInterrupt
            self.judged.append(item)
            return HELD

    monkeypatch.setattr("frostproof.reports.run.verify.Judging", Interrupted)

    assert main(["verify", "train.py:step", "-n", "1", "--report", str(tmp_path)]) == 2

    assert capsys.readouterr().err == "frostproof: interrupted\n"
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    report = read_report(tmp_path)
    assert not report.finished
    assert report.summary["ran"] == 1
    assert set(report.summary["not_run"]) == {UNREACHED}


def test_of_two_rows_on_one_law_the_one_that_accuses_stands(tmp_path):
    """Two tests may judge the same: the report has one row, and no matter which came first."""
    accusing = Row.of(ITEMS[0], Verdict("error", 3, "it raised"))
    held = Row.of(ITEMS[0], HELD)
    for pair in ((accusing, held), (held, accusing)):
        recorder = Recorder("ci", 0)
        for row in pair:
            recorder.records(row)

        assert recorder.close().rows == [accusing]


def test_a_report_in_the_folder_is_not_taken_for_this_run(tmp_path):
    """The files of an earlier run go when the next one begins."""
    begun(tmp_path).close()

    begun(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"report.json", JOURNAL}
