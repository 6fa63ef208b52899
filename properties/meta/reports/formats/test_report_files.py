"""The files of a report: what each says, and that nothing a subject writes is taken for markup."""

import json
import re
import tomllib
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest

import frostproof
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.reports.formats.report_samples import (
    SCRIPT,
    counterexample,
    row_of,
    sample,
)
from frostproof.reports.formats.badge import badge
from frostproof.reports.formats.files import FILES, write_report
from frostproof.reports.formats.html.page import page
from frostproof.reports.formats.junit import junit
from frostproof.reports.formats.markdown import cell, markdown
from frostproof.reports.results.reading import read_report, schema
from frostproof.reports.results.report import Part, Report

#: What a subject's name, a leaf or a message may hold.
HOSTILE = (
    "<script>alert(1)</script>.py:f",
    '"><img src=x onerror=alert(1)>.py:g',
    "{{ 7 * 7 }}{% raw %}</style></pre>```\n# no heading | `*_[x](javascript:alert(1)).py:h",
    "日本/😀 \x00\x1b[31m\u202e $a$ \\ \ud800.py:k",
    "/a/very/long" + "/folder" * 300 + "/train.py:f",
)


class Elements(HTMLParser):
    """Counts elements, checks that they are nested, and keeps attributes and text."""

    VOID = ("meta", "input", "path", "use")

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], {}, [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.attributes += [(tag, *each) for each in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes += [(tag, *each) for each in attributes]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


@pytest.fixture(scope="module")
def html():
    return Elements(page(sample(("train.py:step",))))


def test_all_files_are_left_and_replaced(tmp_path):
    """In a folder that is made, over whatever lies there."""
    folder = tmp_path / "made" / "here"
    for _ in range(2):
        write_report(sample(), folder)

    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_what_a_page_is_made_of_comes_with_the_package():
    """Templates, style and schema are no Python: pyproject.toml has to name them."""
    root = Path(frostproof.__file__).parent
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    named = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in root.joinpath(*package.split(".")[1:]).glob(pattern)
    }
    files = {path for path in (root / "reports").rglob("*.*") if path.suffix not in (".py", ".pyc")}
    files -= set((root / "reports" / "examples").rglob("*.*"))

    assert len(files) > 5
    assert files <= named


def test_the_page_says_what_ran_and_what_did_not(html):
    text = " ".join(" ".join(html.text).split())
    assert "2 promised verdicts failed" not in text
    assert "3 promised verdicts failed" in text
    assert re.search(r"Ran 5 of 9 laws on train.py:step", text)
    for said in ("3 left out by --laws", "1 why it is not-run", "Seed 0", "Profile ci"):
        assert said in text


def test_the_page_leads_from_a_cell_to_its_counterexample(html):
    """Each link leads to something; each bad cell has its section, with the script as it is."""
    places = set(html.values("id"))
    links = [value for value in html.values("href") if value.startswith("#")]
    assert {link[1:] for link in links} <= places
    assert html.seen["article"] == 4
    assert "".join(html.text).count(SCRIPT) == 2
    for said in ("0.5", "→ 0.25", "8,388,608 ulps", "the same bits", "3 after step 1, 11 after"):
        assert any(said in text for text in html.text)
    assert not any("1,056,964,608" in text for text in html.text)  # from 0 to 0.5


def test_an_empty_place_in_the_matrix_is_explained():
    """Where a law is about one subject and not about another; nowhere else."""
    gap, whole = Report("ci", 0, [row_of("a", 20, "held"), row_of("b", 21, "held")]), sample()

    assert "an empty place: the law is not about that subject" in page(gap)
    assert "an empty place" not in page(whole)


def test_the_page_needs_nothing_else(html):
    """No address but places within itself, no script but ours, which a policy enforces."""
    assert all(value.startswith("#") for name in ("href", "src") for value in html.values(name))
    assert html.seen["script"] == 1
    assert any("default-src 'none'" in (value or "") for value in html.values("content"))
    assert len(html.values("id")) == len(set(html.values("id")))
    assert all(html.values("aria-label"))


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_subject_writes_is_no_markup(name, html, tmp_path):
    """The page has the same elements as for a name that is plain; the others are still readable."""
    report = sample((name,), leaf=name)
    report.left_out = type(report.left_out)({name: 3})

    write_report(report, tmp_path)

    hostile = Elements((tmp_path / "report.html").read_text())
    plain = {"code": 0}  # words in backticks, which is no harm
    assert hostile.seen | plain == html.seen | plain
    assert not [name for _, name, _ in hostile.attributes if name.startswith("on")]
    assert json.loads((tmp_path / "report.json").read_text())["verdicts"][0]["subject"] == name
    suite = Xml.parse(tmp_path / "junit.xml").getroot().find("testsuite")
    assert len(suite.findall("testcase")) == 6
    text = (tmp_path / "report.md").read_text()
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert len(headings) == 6
    assert "<script>" not in text.replace(SCRIPT, "").split("```python")[0]


KILLS = {
    "summary": {"specimens": 2, "seeds": 2, "dead": 1},
    "max_examples": 100,
    "rows": [
        {"specimen": "specimen/freezing/decays", "law": "frozen-value", "seeds": [7, 13]},
        {"specimen": "specimen/freezing/<b>", "law": "frozen-bits", "seeds": [1, None]},
    ],
    "matrix": {"specimen/freezing/decays": {"frozen-value": 7, "a-law-of-old": None}},
}


def test_a_kill_matrix_beside_the_report_appears_in_it(tmp_path):
    """In the same style: numbers to be read, and what outlived its law in red; else nothing."""
    (tmp_path / "kill-matrix.json").write_text(json.dumps(KILLS))
    write_report(sample(), tmp_path)
    shown = Elements((tmp_path / "report.html").read_text())
    text = " ".join(" ".join(shown.text).split())
    classes = shown.values("class")

    assert "1 of 2 faulty programs were refuted by the law that is about their fault" in text
    assert [text.count(words) for words in ("outlived it", "a-law-of-old")] == [1, 1]
    assert text.split().count("13") == 1  # as a word: the versions are on this page, too
    found = [classes.count(name) for name in ("killed own", "alive", "stands")]
    assert found == [4, 1, 1]

    for broken in ("{}", "[", json.dumps(KILLS | {"rows": [1]})):
        (tmp_path / "kill-matrix.json").write_text(broken)
        write_report(sample(), tmp_path)
        assert "Kill matrix" not in (tmp_path / "report.html").read_text()


def test_a_known_failure_fails_no_run():
    """It is told apart from what fails, and from what is beyond the promise, in every file."""
    report = sample()
    report.rows = [replace(row, expected="issue 12") for row in report.rows[:2]]
    text = " ".join(" ".join(Elements(page(report)).text).split())

    assert (report.exit_status, json.loads(badge(report))["color"]) == (0, "brightgreen")
    for said in ("As expected, failed: ", "Known failures", "1 refuted, as expected"):
        assert said.lower() in text.lower()
    assert "❌ refuted, as expected" in markdown(report)
    assert re.search(r"^## .*, as expected$", markdown(report), re.MULTILINE)
    assert re.search(r"^- .* breaks \w+ \(as expected\): ", markdown(report), re.MULTILINE)
    assert 'failures="0" errors="0" tests="2" skipped="1"' in junit(report)


def test_a_subject_that_cannot_be_judged_is_told_first(tmp_path):
    """All else may hold: that is not a success, and its laws are not counted."""
    report = sample()
    report.rows, report.left_out = report.rows[:1], Counter()
    report.unusable = Counter({"train.py:it: no such file": 1})
    ended = "verything else promised held; 1 subject cannot be judged"

    write_report(report, tmp_path)

    assert (report.exit_status, report.summary["of"]) == (2, 1)
    told = json.loads(badge(report))
    assert (told["message"], told["color"]) == (f"e{ended}", "lightgrey")
    for name in ("report.md", "report.html"):
        assert ended in (tmp_path / name).read_text()
        assert "Cannot be judged: train.py:it: no such file" in (tmp_path / name).read_text()
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), schema())
    assert read_report(tmp_path).unusable == report.unusable
    root = Xml.parse(tmp_path / "junit.xml").getroot()
    assert [each.get("tests") for each in (root, *root)] == ["2", "1", "1"]
    assert root.find("testsuite[@errors='1']/testcase/error").get("message").endswith("such file")


def test_a_proof_is_told_with_what_it_assumes(tmp_path):
    """It passes in every file, and is told apart from what held on examples."""
    assumed = "for every input, if the learning rate is finite"
    report = sample()
    report.rows = [report.rows[0], row_of("train.py:step", 1, "proved", reason=assumed)]

    write_report(report, tmp_path)

    assert report.exit_status == 0
    written = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(written, schema())
    assert [row["verdict"] for row in written["verdicts"]] == ["held", "proved"]
    shown = Elements((tmp_path / "report.html").read_text())
    text = " ".join(" ".join(shown.text).split())
    assert "1 held 1 proved" in text
    assert f"proved {assumed}" in text
    assert shown.values("class").count("mark proved") == 2  # beside the count, and in its line
    assert f"✅ proved | 100 | {assumed}" in (tmp_path / "report.md").read_text()
    case = Xml.parse(tmp_path / "junit.xml").getroot().findall("testsuite/testcase")[1]
    said = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert (said["verdict"], said["reason"]) == ("proved", assumed)
    assert [each.tag for each in case] == ["properties"]
    assert json.loads((tmp_path / "badge.json").read_text())["message"] == "2 laws held"


def test_where_parts_disagree_is_said(tmp_path):
    """A merged report names the law, and on which release it held and on which it did not."""
    report = sample()
    for optax, verdict in (("0.2.6", "held"), ("0.2.8", "refuted")):
        versions = {"frostproof": "0.1.0", "optax": optax}
        report.parts.append(Part("ci", 0, versions, 0, {report.rows[1].id: verdict}))

    text = " ".join(" ".join(Elements(page(report)).text).split())

    assert "Where the parts disagree" in text
    assert f"{report.rows[1].id} refuted on optax 0.2.8 held on optax 0.2.6" in text


def test_junit_has_law_and_subject_as_properties():
    """What fails the run fails there, what is beyond the promise is skipped."""
    root = Xml.fromstring(junit(sample()).partition("\n")[2])

    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "2",
    }
    cases = root.findall("testsuite/testcase")
    for case in cases:
        found = {each.get("name"): each.get("value") for each in case.iter("property")}
        assert (found["law"], found["subject"]) == (case.get("name"), "train.py:step")
    ended = [[each.tag for each in case if each.tag != "properties"] for case in cases]
    assert ended == [[], ["failure"], ["skipped"], ["error"], ["failure"], ["skipped"]]
    assert SCRIPT.strip() in cases[1].find("failure").text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("3 promised verdicts failed", "red")),
        ({"rows": sample().rows[:1]}, ("1 law held", "brightgreen")),
        ({"rows": sample().rows[:1], "finished": False}, ("the run ended before all", "lightgrey")),
        ({"rows": sample().rows[5:]}, ("nothing promised could run", "lightgrey")),
    ],
)
def test_the_badge_says_how_it_ended(change, expected):
    content = json.loads(badge(Report(**{**vars(sample()), **change})))

    assert (content["schemaVersion"], content["label"]) == (1, "frostproof")
    assert content["message"].startswith(expected[0])
    assert content["color"] == expected[1]


def test_the_summary_of_a_job_stays_below_its_limit():
    """GitHub shows none of more than 1 MiB; what is left out is counted."""
    text = markdown(sample([f"train_{n}.py:step" for n in range(2000)]))

    assert len(text.encode()) < 1 << 20
    assert "…and 5000 more: see report.html." in text
    assert re.search(r"\d+ more parts do not fit here: see report.html.\n$", text)


def test_what_failed_comes_before_all_that_was_judged(html):
    """Whoever opens a report looks for it: after how it ended, nothing is told before it."""
    shown = html.values("id")
    assert shown.index("broken") < shown.index("verdicts")

    text = markdown(sample())
    failed, others, not_run, all_verdicts = (
        text.index(each)
        for each in ("## What did not hold", "## Beyond", "## Not run", "All verdicts")
    )
    assert failed < others < not_run < all_verdicts
    assert "- 3 × left out by --laws" in text[not_run:all_verdicts]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("needs `model_state=` (a|b)", r"needs <code>model\_state=</code> (a\|b)"),
        ("`a<b` & `c`", r"<code>a&lt;b</code> &amp; <code>c</code>"),
        ("one ` by itself, and ``", r"one <code> by itself, and </code>\`"),
        ("[`x`", r"\[<code>x</code>"),
        ("only one `", r"only one \`"),
    ],
)
def test_code_in_a_cell_is_shown_as_it_is(text, escaped):
    """In a code span, a backslash and an entity would be shown themselves."""
    assert cell(text) == escaped


@pytest.mark.parametrize("show", [markdown, page])
def test_a_long_exception_is_told_whole_once(show):
    """By the law about it, or by the first that reports it; a law that did not run refers to it."""
    long = f"step 1 raised ValueError: {'a shape, ' * 50}the end (train.py, line 4)"
    example = counterexample() | {"law": BY_ID["training-runs"].statement, "message": long}
    silent = [
        row_of("a.py:t", law, "error", reason=long, counterexample=example) for law in (21, 22)
    ]
    raised = replace(row_of("b.py:t", 21, "error"), law="training-runs", id="b.py:t::training-runs")
    raised = replace(raised, reason=long, counterexample=example)
    after = row_of("b.py:t", 22, "not-run", reason=f"see training-runs: {long}")

    alone, book = show(Report("ci", 0, silent)), show(Report("ci", 0, [raised, after]))

    assert (alone.count("the end (train.py"), book.count("the end (train.py")) == (1, 1)
    assert "the program gave no answer, so " in alone
    assert "see training-runs" in book
