"""What a report is, by its JSON Schema: what is written conforms, what is read back is the same."""

import json
from collections import Counter

import jsonschema
import pytest

from frostproof.properties.engine.verdict import Counterexample, Verdict
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.plan.checks import Check, NamedSubject
from frostproof.reports.cli.main import main
from frostproof.reports.formats.files import write_report
from frostproof.reports.results.reading import UnreadableReport, read_report, schema
from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row

FOUND = Counterexample(
    "a law",
    "a leaf moved",
    [{"seed": 0}],
    {"ulps": 3, "after": float("nan")},
    cause="the decay",
    fault={"kind": "decay", "leaves": ["l1/kernel"]},
)
VERDICTS = (
    Verdict("held", 100, labels={"more than one step": 60}, seconds=1.5),
    Verdict("refuted", 1, "a leaf moved", FOUND, "assert False\n"),
    Verdict("error", 0, "exit status 7"),
    Verdict("vacuous", 50, "no example was judged"),
    Verdict("not-run", 0, "it lacks `predict`"),
)
LAWS = ("frozen-value", "frozen-bits", "trainable-moves", "repeatable", "loss-is-mse")


@pytest.fixture
def report():
    """One of each verdict, and a law that was left out."""
    subject = NamedSubject("train.py:step", "trainer")
    items = [Check(subject, BY_ID[law], law != "frozen-bits") for law in LAWS]
    rows = [Row.of(item, verdict) for item, verdict in zip(items, VERDICTS, strict=True)]
    return Report("ci", 0, rows, Counter({"left out by --laws": 2}))


def test_what_is_written_is_a_report_and_is_read_back(report, tmp_path):
    """It conforms to the schema that is published, and reading loses nothing."""
    write_report(report, tmp_path)

    content = json.loads((tmp_path / "report.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(content, schema())
    assert {row["verdict"] for row in content["verdicts"]} == {v.outcome for v in VERDICTS}
    assert read_report(tmp_path) == read_report(tmp_path / "report.json") == report
    assert read_report(tmp_path).to_json() == report.to_json()


def test_fields_that_a_later_version_adds_are_left_aside(report, tmp_path):
    """Within one version of the schema, fields are only added."""
    content = json.loads(report.to_json())
    content["weather"] = content["verdicts"][0]["mood"] = "fine"
    (tmp_path / "report.json").write_text(json.dumps(content))

    assert read_report(tmp_path) == report


def test_a_report_that_knows_no_kinds_of_causes_is_read(report, tmp_path):
    """An earlier release wrote the words alone."""
    content = json.loads(report.to_json())
    del content["verdicts"][1]["counterexample"]["fault"]
    (tmp_path / "report.json").write_text(json.dumps(content))

    (found,) = (each.counterexample for each in read_report(tmp_path).rows if each.counterexample)
    assert found["cause"] == "the decay"
    assert "fault" not in found


def without(content, *names):
    return {name: value for name, value in content.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: [], "this file is not a report of frostproof"),
        (lambda c: {}, "this file is not a report of frostproof: it has no `schema`"),
        (lambda c: c | {"schema": 2}, "the report has version 2, expected version 1"),
        (lambda c: without(c, "seed"), "$: 'seed' is a required property"),
        (lambda c: c | {"verdicts": [1]}, "$.verdicts[0]: 1 is not of type 'object'"),
        (
            lambda c: c | {"verdicts": [c["verdicts"][1] | {"counterexample": None}]},
            "$.verdicts[0].counterexample: None is not of type 'object'",
        ),
        (lambda c: c | {"profile": "x" * 9999}, "x … x"),
    ],
)
def test_what_is_no_report_is_said_in_a_line(report, tmp_path, change, expected):
    """Which place of it is wrong, and how; never all of its text."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(change(json.loads(report.to_json()))))

    with pytest.raises(UnreadableReport) as refused:
        read_report(tmp_path)

    assert str(refused.value).startswith(f"{path}: th")
    assert expected in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            None,
            "exist: expected a report.json or its folder, as `frostproof verify TARGET --",
        ),
        (b'{"schema": 1,\n "verdicts": [', "broken JSON in line 2"),
        (b"\xff\xfe", "the text is not UTF-8"),
        (b"[" * 200_000, "not a report of frostproof"),
    ],
    ids=["missing", "cut off", "binary", "deep"],
)
def test_a_file_that_cannot_be_read_ends_a_command_with_2(content, expected, tmp_path, capsys):
    """One line on standard error names the file, and what is wrong with it."""
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)

    assert main(["replay", str(path), "--target", "train.py:step"]) == 2

    printed = capsys.readouterr().err
    assert printed.startswith(f"frostproof: {path}: ")
    assert expected in printed
    assert printed.count("\n") == 1
