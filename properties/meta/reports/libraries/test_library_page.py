"""The page of libraries shows faults first, and escapes what a library says."""

import re

import pytest

from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.prepared import no_file_larger_than
from frostproof.reference.corpus.libraries import VALIDATIONS
from frostproof.reports.libraries import latest, table
from frostproof.reports.libraries.command import main
from frostproof.reports.libraries.page import page
from frostproof.reports.results.report import Report
from frostproof.reports.results.row import Row


def report_of(validation, reason):
    law = "frozen-value"
    verdict = "refuted" if reason else "held"
    row = Row(f"x::{law}", "x", law, BY_ID[law].guarantee, True, verdict, 3, reason)
    return Report("default", 0, [row])


FAULT = next(each for each in VALIDATIONS if each.upstream == "penzai_trainer.py")
GOOD = next(each for each in VALIDATIONS if each.target == "quax_lora:trained_half")
PAGE = page([(FAULT, report_of(FAULT, "w: 1 → <b>2</b>")), (GOOD, report_of(GOOD, None))])


def test_the_headline_counts_faults_and_libraries():
    assert '<h1 class="bad">1 faults in 1 released libraries</h1>' in PAGE


def test_a_fault_comes_first_with_cause_and_script():
    fault, other = PAGE.index("penzai_trainer-as_documented"), PAGE.index("quax 0.4.6")

    assert fault < other
    assert "the optimizer starts from all parameters" in PAGE
    assert "from penzai.toolshed.basic_training import StatefulTrainer" in PAGE


def test_what_a_library_says_is_escaped():
    assert "w: 1 → &lt;b&gt;2&lt;/b&gt;" in PAGE
    assert not re.search("<b>2</b>", PAGE)


def test_the_page_needs_no_network():
    assert not re.findall(r"(?:src|href)=\"(?!#)", PAGE)


@pytest.mark.parametrize("words", ["table --html", "latest --summary"])
def test_a_full_disk_is_told_in_a_line(words, tmp_path, monkeypatch, capsys):
    """What was judged is printed; the page, or the summary, has no room."""
    for module in (table, latest):
        monkeypatch.setattr(module, "kept_or_judged", lambda recipe: report_of(recipe, None))
    monkeypatch.setattr(latest, "newest", lambda library: "7.0")
    file = tmp_path / "written"

    with no_file_larger_than(10):
        assert main([*words.split(), str(file), GOOD.target]) == 2

    printed = capsys.readouterr()
    assert "quax" in printed.out
    assert printed.err == f"frostproof: {words.split()[1]} {file}: File too large\n"
