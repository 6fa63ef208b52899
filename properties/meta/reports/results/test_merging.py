"""`frostproof merge`: parts in any order, any number of times, give the same report."""

import json
from collections import Counter

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from frostproof.properties.meta.prepared import report, row, written
from frostproof.reports.cli.main import main
from frostproof.reports.formats.disagreement import disagreements
from frostproof.reports.results.merging import LEFT_OUT, merge
from frostproof.reports.results.reading import as_report, schema
from frostproof.reports.results.row import WORST

LAWS = ("frozen-value", "frozen-bits", "repeatable")

rows = st.builds(
    row,
    st.sampled_from(LAWS),
    st.sampled_from(WORST),
    subject=st.sampled_from(["a.py:f", "b.py:g"]),
    promised=st.booleans(),
    examples=st.integers(0, 3),
    reason=st.sampled_from([None, "so", "otherwise"]),
)
reports = st.builds(
    lambda rows, **fields: report(*rows, **fields),
    st.lists(rows, unique_by=lambda row: row.id, max_size=4),
    optax=st.sampled_from(["0.2.6", "0.2.8", "0.2.9"]),
    left_out=st.integers(0, 2),
    seed=st.integers(0, 2),
    unusable=st.dictionaries(st.sampled_from(["no such file", "so"]), st.integers(1, 2)).map(
        Counter
    ),
    started=st.sampled_from([None, "2030-01-01T00:00:00Z", "2030-01-01T00:00:07Z"]),
    finished=st.booleans(),
)
lists = st.lists(reports, min_size=1, max_size=4)


def text(*parts):
    """What a merge writes."""
    return merge(parts).to_json()


@settings(max_examples=60, deadline=None)
@given(lists, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(parts, random):
    """Commutative and idempotent: some parts again, and all of them shuffled."""
    shuffled = parts + random.choices(parts, k=2)
    random.shuffle(shuffled)

    assert text(*shuffled) == text(*parts)


@settings(max_examples=60, deadline=None)
@given(lists, lists)
def test_parts_of_parts_do_not_matter(some, others):
    """Associative, also over a file: what was merged can be merged with more, or with itself."""
    one = as_report(json.loads(text(*some)))
    other = merge(others)

    assert text(one) == text(*some)
    assert text(one, other) == text(one, *others) == text(*some, *others)
    assert text(merge([one, other]), one) == text(*some, *others)


@settings(max_examples=60, deadline=None)
@given(lists)
def test_no_row_is_lost_and_none_is_made_up(parts):
    """Every id is there once, with the worst verdict on it; a promised failure is never hidden."""
    merged = merge(parts)

    assert {each.id for each in merged.rows} == {each.id for part in parts for each in part.rows}
    assert len({each.id for each in merged.rows}) == len(merged.rows)
    for found in merged.rows:
        same = [each for part in parts for each in part.rows if each.id == found.id]
        assert found in same
        failing = [each for each in same if each.fails]
        assert found.fails == bool(failing)
        worst = min(WORST.index(each.verdict) for each in failing or same)
        assert WORST.index(found.verdict) == worst
    assert merged.finished == all(part.finished for part in parts)
    jsonschema.validate(json.loads(merged.to_json()), schema())


def test_versions_that_differ_are_kept_in_sight():
    """All in the versions of the report, and beside each verdict on which parts disagree."""
    parts = [
        report(("frozen-value",), ("repeatable",), optax="0.2.6"),
        report(("frozen-value", "refuted"), ("repeatable",), optax="0.2.8"),
    ]

    merged = merge(parts)

    assert merged.versions["optax"] == "0.2.6, 0.2.8"
    assert merged.versions["jax"] == "0.10.2"
    assert disagreements(merged) == {
        "train.py:step::frozen-value": [("refuted", "optax 0.2.8"), ("held", "optax 0.2.6")]
    }
    assert [part.versions["optax"] for part in merged.parts] == ["0.2.6", "0.2.8"]


def test_a_law_that_one_part_proves_is_only_held_where_another_does_not():
    """A proof stays a proof among parts that did not judge; what another saw stands before it."""
    proof = row("frozen-value", "proved", reason="for every input, if the learning rate is finite")
    other = report(("frozen-value",), optax="0.2.6")
    broken = report(("frozen-value", "refuted"), optax="0.2.9")

    assert merge([report(proof), report(("repeatable",))]).rows[0] == proof
    assert merge([report(("frozen-value", "not-run")), report(proof)]).rows == [proof]
    assert [each.verdict for each in merge([report(proof), other]).rows] == ["held"]
    merged = merge([report(proof), other, broken])
    assert [each.verdict for each in merged.rows] == ["refuted"]
    assert disagreements(merged)[proof.id] == [
        ("refuted", "optax 0.2.9"),
        ("held", "optax 0.2.6"),
        ("proved", "optax 0.2.8"),
    ]


def test_laws_that_one_part_left_out_and_another_judged_are_not_missing():
    """Of four laws two were judged by each part, one of them by both: one was judged by none."""
    one = report(("frozen-value",), ("repeatable",), left_out=2)
    other = report(("frozen-value",), ("frozen-bits",), left_out=2, seed=1)
    elsewhere = report(row("frozen-value", subject="b.py:g"), left_out=1)

    assert merge([one, other]).summary == {"ran": 3, "of": 4, "not_run": {LEFT_OUT: 1}}
    assert merge([one, other, elsewhere]).summary["not_run"] == {LEFT_OUT: 2}


def test_the_command_writes_one_report(tmp_path, capsys):
    """In all formats; what cannot be read or written ends with 2 and a line."""
    one = written(tmp_path / "one", ("frozen-value",), optax="0.2.6")
    other = written(tmp_path / "other", ("frozen-value", "refuted"))
    into = tmp_path / "made" / "here"

    assert main(["merge", str(one), str(other), "-o", str(into)]) == 0

    assert "ran 1 of 1 laws in 2 parts" in capsys.readouterr().out
    assert main(["merge", str(one), "-o", str(tmp_path / "alone")]) == 0
    assert "in 1 part\n" in capsys.readouterr().out
    content = json.loads((into / "report.json").read_text())
    assert [each["verdict"] for each in content["verdicts"]] == ["refuted"]
    summary = (into / "report.md").read_text()
    assert "refuted on optax 0.2.8, held on optax 0.2.6" in summary

    assert main(["merge", str(one), str(tmp_path / "nowhere"), "-o", str(into)]) == 2
    assert main(["merge", str(one), "-o", str(one / "report.json" / "below")]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert "nowhere" in printed[0]
    assert "cannot be written" in printed[1]
