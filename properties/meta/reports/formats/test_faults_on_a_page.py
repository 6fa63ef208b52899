"""How a page tells of failing verdicts: each fault once, before the laws that lead to it."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from frostproof.properties.laws.book import BY_ID
from frostproof.properties.meta.reports.formats.report_samples import counterexample, sample
from frostproof.properties.meta.reports.formats.test_report_files import Elements
from frostproof.reports.formats.files import write_report
from frostproof.reports.formats.html.page import page
from frostproof.reports.formats.html.plots import plot_drift


def told_with_causes(steps):
    """A page of two laws that fail by one fault, and a third that does for another reason."""
    report = sample()
    found = counterexample() | {"course": [{"steps": steps}]}
    decay = found | {"cause": "the decay of adamw"}
    other = found | {"facts": {"leaf": "head", "step": 2, "equation": "mul 0.1 head"}}
    report.rows = [
        replace(report.rows[1], id=f"s::{law}", law=law, counterexample=each)
        for law, each in (("law-3", other), ("law-2", decay), ("law-1", decay))
    ]
    return " ".join(" ".join(Elements(page(report)).text).split())


def test_a_page_tells_the_cause_and_each_fault_once():
    """As the terminal does; a law of the same fault leads to the one that was told."""
    steps = counterexample()["course"][0]["steps"]

    text = told_with_causes(steps)

    assert text.count("Because the decay of adamw") == 1
    assert text.count("Because It is the same fault as in law-2 .") == 1
    assert text.count("By mul 0.1 head") == 1
    assert text.count("Leaves before and after each step") == 2
    assert text.count("A script that fails without") == 2
    assert text.count("The script of law-2 shows the fault.") == 1


@pytest.mark.parametrize(
    ("promised", "told_in"), [(True, "frozen-value"), (False, "exact-selection")]
)
def test_a_page_tells_a_fault_before_what_leads_to_it(promised, told_in):
    """Whichever guarantee comes first; what is beyond the promise has a section behind it."""
    decay = counterexample() | {"cause": "the decay of adamw"}
    plain = replace(sample().rows[1], counterexample=decay)
    report = sample()
    report.rows = [
        replace(plain, id=f"s::{law}", law=law, guarantee=BY_ID[law].guarantee, promised=kept)
        for law, kept in (("exact-selection", True), ("frozen-value", promised))
    ]

    text = " ".join(" ".join(Elements(page(report)).text).split())

    told = text.index("Because the decay of adamw")
    assert told < text.index(f"It is the same fault as in {told_in}")


def test_a_page_begins_with_what_has_a_cause():
    """Whatever the order of the laws: a reader needs no other."""
    report = sample()
    plain = replace(report.rows[1], id="s::1", law="law-plain", counterexample=counterexample())
    told = counterexample() | {"cause": "the decay of adamw"}
    told["facts"] = told["facts"] | {"leaf": "head"}
    report.rows = [plain, replace(plain, id="s::2", law="law-told", counterexample=told)]

    text = " ".join(" ".join(Elements(page(report)).text).split())

    assert text.index("law-told") < text.index("law-plain")


def test_steps_in_which_no_frozen_leaf_moves_are_shown_as_one():
    """Up to the one that accuses; a single one is shown as it is."""
    still, moves = counterexample()["course"][0]["steps"]
    many = [still | {"step": number} for number in range(1, 6)] + [moves | {"step": 6}]

    assert "1–5 backbone the same bits 6 backbone frozen 0.5" in told_with_causes(many)
    assert "1–" not in told_with_causes([still, moves])


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ((), "8 after step 1, 9 after step 2"),
        (("a", "b"), "8 after step 1, 9 after step 2; in grey a, b"),
        (tuple("abcdefg"), "; in grey 5 of 7 other frozen leaves that drift"),
    ],
)
def test_a_plot_shows_the_leaf_that_drifts_furthest_among_others(others, told):
    """The leaf that its title names is drawn however many stand before it."""
    plot = plot_drift({**dict.fromkeys(others, (1, 2)), "worst": (8, 9)})

    assert "Drift of the frozen worst" in plot
    assert told in plot
    assert "var(--bad)" in plot


@pytest.mark.parametrize("folder", ["night", "my night"])
def test_a_page_names_its_report_as_the_run_did(folder, tmp_path, monkeypatch):
    """So that the command to run a counterexample again can be copied to where the program lies."""
    monkeypatch.chdir(tmp_path)
    report = sample()
    report.rows[1] = replace(report.rows[1], counterexample=counterexample())

    write_report(report, Path(folder))

    text = Path(folder, "report.html").read_text(encoding="utf-8")
    named = shlex.quote(f"{folder}/report.json")
    commands = [each for each in Elements(text).text if each.startswith("frostproof replay ")]
    assert commands
    assert all(each.startswith(f"frostproof replay {named}") for each in commands)
