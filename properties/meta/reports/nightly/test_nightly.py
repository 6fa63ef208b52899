"""The alarm is tested: whatever goes wrong in a night ends it with 1 and is named in an issue."""

import json
from collections import Counter

import pytest

from frostproof.properties.meta.prepared import no_file_larger_than, row, written
from frostproof.reports.cli.main import main as frostproof
from frostproof.reports.nightly import command
from frostproof.reports.nightly.command import main

CELLS = ("py3.11-latest", "py3.11-oldest")
EXPECTED = "--expect=py3.11-latest/linen"
GOOD = (("frozen-value",), ("frozen-bits",), row("frozen-norm", "refuted", promised=False))


@pytest.fixture
def nights(tmp_path, capsys):
    """Two cells of one part, of which the first night was good."""

    class Nights:
        folder = tmp_path / "night"
        history = tmp_path / "history"

        def conclude(self, *options):
            expected = [f"--expect={cell}/linen" for cell in CELLS]
            arguments = [str(self.folder), "--history", str(self.history), *expected, *options]
            return main(["conclude", *arguments])

        def replace(self, cell, *rows, **fields):
            return written(self.folder / cell / "linen", *rows, **fields)

        @property
        def issue(self):
            return (self.folder / "issue.md").read_text()

    made = Nights()
    for cell in CELLS:
        made.replace(cell, *GOOD, optax="0.2.6" if "oldest" in cell else "0.2.8")
    assert made.conclude() == 0
    assert "nothing promised regressed" in capsys.readouterr().out
    return made


def test_a_good_night_is_no_alarm(nights):
    """No issue is written; the report names all versions, and the summary all cells."""
    assert nights.conclude() == 0

    assert not (nights.folder / "issue.md").exists()
    content = json.loads((nights.folder / "report.json").read_text())
    assert content["versions"]["optax"] == "0.2.6, 0.2.8"
    summary = (nights.folder / "summary.md").read_text()
    assert all(f"# {cell}" in summary for cell in CELLS)


@pytest.mark.parametrize(
    ("rows", "fields", "named"),
    [
        ([("frozen-value", "refuted"), ("frozen-bits",)], {}, "frozen-value: held → refuted"),
        ([("frozen-value", "vacuous"), ("frozen-bits",)], {}, "frozen-value: held → vacuous"),
        # A law stopped being collected, or being run.
        ([("frozen-value",)], {}, "frozen-bits: held → none"),
        ([("frozen-value",), ("frozen-bits", "not-run")], {}, "frozen-bits: held → not-run"),
        # Another release changes a verdict.
        (
            [("frozen-value", "error"), ("frozen-bits",)],
            {"optax": "0.2.9"},
            "optax 0.2.8 → 0.2.9",
        ),
        # A night that ran nothing, or not all.
        (
            [("frozen-value", "not-run"), ("frozen-bits", "not-run")],
            {},
            "linen did not run: the part ran",
        ),
        ([], {}, "linen did not run: the part ran no law"),
        (
            [*GOOD],
            {"finished": False},
            "linen did not run: the part ended before all laws were judged",
        ),
    ],
)
def test_what_goes_wrong_is_an_alarm_that_names_it(nights, rows, fields, named, capsys):
    """With its cell, on the terminal, in the summary and in an issue; the other cell is silent."""
    cell, other = CELLS
    nights.replace(cell, *rows, **fields)

    assert nights.conclude() == 1

    printed = capsys.readouterr().out
    assert f"{cell}: " in printed
    assert f"{other}: " not in printed
    title, _, text = nights.issue.partition("\n")
    assert title.startswith("# frostproof, tonight: ")
    assert cell in title
    assert named in text
    assert f"❌ {cell}" in (nights.folder / "summary.md").read_text()


def test_a_subject_that_cannot_be_judged_is_an_alarm_until_it_can(nights, capsys):
    """An issue is written in the first night; the second is red without one."""
    reason = "train.py:it: no such file"
    for cell in CELLS:
        nights.replace(cell, *GOOD, unusable=Counter({reason: 1}))

    assert nights.conclude() == 1
    title, _, text = nights.issue.partition("\n")
    assert title.endswith(f"tonight: 1 more subject cannot be judged in {', '.join(CELLS)}")
    assert text.count(f"- {reason}: cannot be judged in {', '.join(CELLS)}") == 1
    assert (
        f"- ❌ {CELLS[0]}: cannot be judged: {reason}" in (nights.folder / "summary.md").read_text()
    )
    assert f"{CELLS[0]}: cannot be judged: {reason}" in capsys.readouterr().out

    assert nights.conclude() == 1
    assert not (nights.folder / "issue.md").exists()
    assert f"{CELLS[0]}: still cannot be judged: {reason}" in capsys.readouterr().out


@pytest.mark.parametrize("left", [None, "", '{"schema": 1, "verdicts": [', "{}"])
def test_a_part_that_left_no_report_did_not_run(nights, left):
    """No file, an empty one, one that breaks off, one that is something else."""
    file = nights.folder / CELLS[0] / "linen" / "report.json"
    file.unlink()
    if left is not None:
        file.write_text(left)

    assert nights.conclude() == 1

    assert "linen did not run: no report: " in nights.issue
    assert "not all ran in py3.11-latest" in nights.issue


def test_a_night_that_ran_nothing_at_all(tmp_path, capsys):
    """Not even a folder, and nothing to compare with: every expected part is named."""
    arguments = ["conclude", str(tmp_path / "night"), "--history", str(tmp_path / "history")]

    every = len(command.CELLS) * len(command.PARTS)
    assert main(arguments) == 1

    assert capsys.readouterr().out.count("did not run: no report") == every
    assert (tmp_path / "night" / "issue.md").exists()


def test_a_failure_stays_red_until_it_is_fixed_or_excused(nights, tmp_path, capsys):
    """An issue is written once; the second night is red without one."""
    nights.replace(CELLS[0], ("frozen-value", "refuted"), ("frozen-bits",))
    known = tmp_path / "baseline.toml"
    known.write_text('[[known]]\nid = "*::frozen-*"\nreason = "x"\nexpires = 9999-01-01\n')

    assert nights.conclude("--baseline", str(known)) == 0
    assert nights.conclude() == 1
    assert not (nights.folder / "issue.md").exists()
    assert "frozen-value: still refuted" in capsys.readouterr().out
    assert nights.conclude("--baseline", str(known)) == 0

    nights.replace(CELLS[0], *GOOD)
    assert nights.conclude() == 0


def test_a_first_night_that_fails_is_an_alarm(nights):
    """Nothing is there to compare with, and a promised law fails."""
    nights.replace("py3.14-latest", ("frozen-value", "refuted"))

    assert nights.conclude() == 1

    assert "frozen-value: none → refuted in py3.14-latest" in nights.issue


def test_a_cell_that_did_not_run_is_compared_with_its_last_complete_night(nights):
    """What broke while it was away is found when it is back."""
    nights.replace(CELLS[0], ("frozen-value",), finished=False)
    assert nights.conclude() == 1
    (nights.folder / CELLS[0] / "linen" / "report.json").unlink()
    assert nights.conclude() == 1

    nights.replace(CELLS[0], ("frozen-value",))

    assert nights.conclude() == 1
    assert "frozen-bits: held → none" in nights.issue


def test_the_same_regression_everywhere_is_told_once(nights):
    """With all its cells; and a long issue is cut to what a tracker takes."""
    for cell in CELLS:
        nights.replace(cell, ("frozen-value", "refuted"), ("frozen-bits",))
    assert nights.conclude() == 1
    assert nights.issue.count("frozen-value: held → refuted") == 1
    assert f"held → refuted in {', '.join(CELLS)}" in nights.issue
    assert nights.issue.startswith("# frostproof, tonight: 1 promised law")

    long = "long " * 500
    many = [row("frozen-value", "refuted", subject=f"a{n}.py:f", reason=long) for n in range(900)]
    nights.replace(CELLS[0], *many)
    assert nights.conclude() == 1
    assert len(nights.issue) < 65_536


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["judge", "night", "cell", "torch"], "invalid choice: 'torch'"),
        (
            ["conclude", "{night}", "--history", "{history}", "--expect", "cell"],
            "must be CELL/PART",
        ),
        (["conclude", "{night}", "--history", "{file}/x", EXPECTED], "Not a directory"),
        (["conclude", "{night}", "--history", "{history}", "--baseline", "no"], "no: No such file"),
        (["conclude", "{night}"], "--history"),
    ],
)
def test_what_cannot_be_done_ends_with_2(nights, arguments, expected, tmp_path, capsys):
    """One line, no traceback."""
    file = tmp_path / "file"
    file.write_text("")
    places = {"night": nights.folder, "history": nights.history, "file": file}
    capsys.readouterr()
    status = main([argument.format(**places) for argument in arguments])

    printed = capsys.readouterr()
    assert (status, printed.err.count("\n")) == (2, 1)
    assert expected in printed.err


def test_a_full_disk_is_told_in_a_line(nights, capsys):
    """With the file that it has no room for; nothing of the last night is lost."""
    before = (nights.history / CELLS[0] / "report.json").read_text()
    with no_file_larger_than(100):
        assert nights.conclude() == 2

    file = nights.folder / "report.json"
    assert capsys.readouterr().err == f"frostproof: {file}: File too large\n"
    assert (nights.history / CELLS[0] / "report.json").read_text() == before


RARELY = """
import numpy as np

def step(seed, x, y, lr):
    with open("calls", "a") as calls:
        print(int(seed), file=calls)
    moved = {faulty} and int(seed) % 64 == 29
    return np.float32([1, 2 + moved, 2])
"""


def test_a_planted_fault_is_found_and_replayed_in_the_next_night(tmp_path, monkeypatch, capsys):
    """Three real nights: a correct step, a step that is seldom wrong, and the same again.

    The third draws other problems, and meets the failing one first: the example database kept it.
    """
    monkeypatch.setenv("FROSTPROOF_PROFILE", "nightly")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    verify = ["verify", "train.py:step", "--as", "linen", "--laws", "answer-norms-equal"]

    def night(number, *, faulty, examples):
        """Return the exit status, and which calls were the first to fail."""
        (tmp_path / "calls").write_text("")
        (tmp_path / "train.py").write_text(RARELY.format(faulty=faulty))
        terms = ["--seed", str(number), "--max-examples", str(examples)]
        frostproof([*verify, *terms, "--report", f"night{number}/here/train"])
        options = ["--history", "history", "--expect", "here/train"]
        status = main(["conclude", f"night{number}", *options])
        seeds = map(int, (tmp_path / "calls").read_text().split())
        return status, [place for place, seed in enumerate(seeds) if seed % 64 == 29]

    assert night(1, faulty=False, examples=5)[0] == 0

    status, failing = night(2, faulty=True, examples=1000)
    assert status == 1
    assert failing[0] > 2
    text = (tmp_path / "night2" / "issue.md").read_text()
    assert "answer-norms-equal: held → refuted in here: frozen kernel's norm changed" in text

    status, failing = night(3, faulty=True, examples=5)
    assert status == 1
    assert failing[0] < 2
    assert "answer-norms-equal: still refuted" in capsys.readouterr().out


TECHNIQUES = """
import jax, optax

def correct(optimizer, mask):
    return optax.chain(optimizer, optax.freeze(mask))

def faulty(optimizer, mask):
    return optax.masked(optimizer, jax.tree.map(lambda frozen: not frozen, mask))

step = {}
"""


def test_a_faulty_technique_in_place_of_a_correct_one(tmp_path, monkeypatch):
    """`optax.masked` alone lets the raw gradient through to what it was to freeze."""
    monkeypatch.chdir(tmp_path)
    laws = ["--laws", "frozen-value", "--laws", "exact-selection", "--max-examples", "3"]
    for technique, expected in (("correct", 0), ("faulty", 1)):
        file = tmp_path / technique / "train.py"
        file.parent.mkdir()
        file.write_text(TECHNIQUES.format(technique))
        folder = f"{technique}/here/train"
        monkeypatch.chdir(file.parent)
        frostproof(["verify", "train.py:step", *laws, "--report", str(tmp_path / folder)])
        options = ["--history", str(tmp_path / "history"), "--expect", "here/train"]

        assert main(["conclude", str(tmp_path / technique), *options]) == expected

    text = (tmp_path / "faulty" / "issue.md").read_text()
    assert "train.py:step::frozen-value: proved → refuted in here" in text
    assert "train.py:step::exact-selection: held → refuted in here" in text
