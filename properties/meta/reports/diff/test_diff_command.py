"""`frostproof diff` as people type it: exit status, what it prints, what it leaves on the disk."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from frostproof.properties.checkpoints import naming
from frostproof.properties.meta.properties.checkpoints.faults import (
    ENCODER,
    FAULTS,
    HEAD,
    trained,
    weights,
)
from frostproof.properties.meta.reference.checkpoints.saving import save
from frostproof.reference.checkpoints.stored_leaf import of_array
from frostproof.reports.cli.main import main
from frostproof.reports.diff.groups import uniform_prefixes
from frostproof.reports.diff.page import tree_page
from frostproof.reports.results.reading import read_report


@pytest.fixture
def diff(tmp_path, capsys, monkeypatch):
    """Return a function that saves two trees and runs the command: status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(before, after, *options):
        for tree, name in ((before, "before.npz"), (after, "after.npz")):
            if isinstance(tree, dict):
                save("npz", tree, tmp_path / name)
        status = main(["diff", "before.npz", "after.npz", *options])
        return status, *capsys.readouterr()

    return run


def test_a_correct_run_is_accepted(diff):
    """Status 0, a table, and few lines."""
    status, out, _ = diff(weights(), trained(weights()), "--frozen", "params/encoder")

    assert status == 0
    assert out.count("\n") <= 40
    assert "everything promised held" in out
    assert "held     frozen-copies" in out


def test_what_moved_is_named_with_its_cause(diff):
    """Status 1, the leaf, the numbers, the cause."""
    after = FAULTS["decay"].apply(trained(weights()))

    status, out, _ = diff(weights(), after, "--frozen", "params/encoder")

    assert status == 1
    assert "params/encoder/kernel: " in out
    assert "multiplied by 1 − 0.001," in out
    assert out.rstrip().endswith("2 promised verdicts failed: frozen-norm, frozen-value")


def test_the_table_says_what_its_marks_mean_and_has_an_end(diff):
    """A part of a leaf was read; of many layers those come first that are wrong."""
    before = {(f"layer{number}",): np.ones(4, "f") for number in range(60)}
    after = before | {("layer0",): np.full(4, 2, "f"), ("layer59",): np.full(4, 2, "f")}

    _, out, _ = diff(before, after, "--frozen", "layer59", "--still", "layer?", "layer??")
    rows = [line.split()[0] for line in out.splitlines() if "frozen   " in line]
    assert rows == ["layer59"]
    assert "… and 20 more groups: --json or --report DIR has all of them" in out

    _, out, _ = diff(weights(), trained(weights()))
    assert "≥: at least" in out
    assert " trainable " not in out


def test_a_trainable_leaf_that_stayed_fails_unless_it_may(diff):
    """The default promise is `selected,value`; `--still` allows it, and so does `--promise`."""
    tree = weights()

    status, out, _ = diff(tree, tree, "--frozen", "params/encoder")
    assert status == 1
    assert "trainable leaves that stayed bit-identical\n  params/head/kernel" in out
    assert diff(tree, tree, "--frozen", "params/encoder", "--still", "**/kernel")[0] == 0
    assert diff(tree, tree, "--frozen", "params/encoder", "--promise", "value")[0] == 0


def test_bits_count_only_where_they_are_promised(diff):
    """A zero that lost its sign is beyond the default promise."""
    before = weights()
    before[ENCODER][0, 0] = -0.0
    after = trained(before)
    after[ENCODER] = before[ENCODER] + np.float32(0)

    assert diff(before, after, "--frozen", "params/encoder")[0] == 0
    status, out, _ = diff(before, after, "--frozen", "params/encoder", "--promise", "bits")
    assert status == 1
    assert "only the sign of zeros (1) changed" in out


def test_without_frozen_it_lists_what_stayed(diff):
    """By the shortest prefixes, as a command to judge just that."""
    status, out, _ = diff(weights(), trained(weights()))

    assert status == 0
    assert "stayed bit-identical\n  params/encoder  2 leaves" in out
    assert "moved\n  params/head" in out
    assert "frostproof diff before.npz after.npz --frozen params/encoder" in out


def test_one_is_counted_as_one(diff):
    """A checkpoint of one leaf, one element of which is lost."""
    lost = np.where(np.arange(weights()[HEAD].size).reshape(weights()[HEAD].shape), 1, np.nan)
    status, out, _ = diff({HEAD: weights()[HEAD]}, {HEAD: lost.astype("f")}, "--frozen", "params")

    assert status == 1
    assert "npz, 1 leaf, " in out
    assert "1 element became NaN or infinite" in out


def test_names_are_mapped_and_transposes_named(diff):
    """Another framework's names and layouts; what is not named is not guessed."""
    torch = {("encoder", "weight"): weights()[ENCODER].T, ("head", "weight"): weights()[HEAD].T}
    after = {ENCODER: weights()[ENCODER], HEAD: weights()[HEAD] + 1}
    maps = ("--map", "^=params/", "--map", "weight$=kernel")

    status, out, _ = diff(torch, after, *maps, "--frozen", "params/encoder")
    assert status == 1
    assert "params/encoder/kernel: shape (40, 48) → (48, 40)" in out
    turned = ("--transpose", "**/kernel")
    assert diff(torch, after, *maps, *turned, "--frozen", "params/encoder")[0] == 0
    turned = ("--transpose", "**/kernel=1,0")
    assert diff(torch, after, *maps, *turned, "--frozen", "params.encoder")[0] == 0


@pytest.mark.parametrize(
    ("rename", "suggested"),
    [
        (lambda path: (*path, "value"), "'/value$='"),
        (lambda path: ("ema", *path), "'^ema/='"),
        (lambda path: path[1:], "'^=params/'"),
        (lambda path: ("model", *path[1:], "value"), "'^model/=params/' --map '/value$='"),
        (lambda path: ("a=\\1", *path, "b"), r"'^a=\\1/=' --map '/b$='"),
        (lambda path: (path[0], *path[1:-1], "old", path[-1]), None),
    ],
)
def test_names_that_differ_by_what_they_share_are_told(rename, suggested, diff):
    """What vanished and appeared is not called moved; the map that is told pairs all leaves."""
    params = {path: leaf for path, leaf in weights().items() if path[0] == "params"}
    before = {rename(path): leaf for path, leaf in params.items()}
    after = params | {HEAD: params[HEAD] + 1}

    _, out, _ = diff(before, after, "--report", "page")
    assert re.search("<h1.*>0 of . leaves moved, . vanished", Path("page/report.html").read_text())
    assert "or vanished, appeared, of another shape or dtype" in out
    assert "\nmoved\n" not in out
    assert "\nappeared\n" in out
    assert ("add --map" in out) is (suggested is not None)
    if suggested is not None:
        assert f"add --map {suggested}\n" in out
        _, out, _ = diff(before, after, *shlex.split(f"--map {suggested}"))
        assert "\nmoved\n  params/head  1 leaf\n" in out
        assert "appeared" not in out


_KERNELS = {("l1", "kernel"): np.ones((2, 3)), ("l2", "kernel"): np.ones((3, 1))}


def _below(*names):
    return {(*names, *path): leaf for path, leaf in _KERNELS.items()}


@pytest.mark.parametrize(
    ("before", "after", "suggested"),
    [
        (_below("opt_state", "mu") | _below("params"), _KERNELS, "'^params/='"),
        (_KERNELS, _below("opt_state", "mu") | _below("params"), "'^=params/'"),
        (_below("params") | _below("ema"), _below("model") | {("step",): np.ones(1)}, "'^params/"),
        (_KERNELS, _below("a=\\1"), r"'^=a\075\\1/'"),
        (_KERNELS, _below("student") | _below("teacher"), None),
        (_below("p") | {("l1", "kernel"): np.zeros((2, 3))}, _KERNELS, None),
        ({("a", "kernel"): np.ones(3)}, {("b", "kernel"): np.ones(3)}, None),
        ({("a", "kernel"): np.ones(3)}, {("kernel",): np.ones(4)}, None),
    ],
    ids=[
        "momentum",
        "momentum after",
        "average",
        "sign",
        "two places",
        "clash",
        "other layer",
        "shape",
    ],
)
def test_no_map_is_told_that_pairs_other_things(before, after, suggested, diff):
    """Moments are not parameters, of two places nobody can tell which, and names are not shared."""
    status, out, _ = diff(before, after)

    assert status == 0
    assert ("add --map" in out) is (suggested is not None)
    assert suggested is None or f"add --map {suggested}" in out


def test_a_map_is_looked_for_among_few(monkeypatch):
    """Each that is tried takes a look at all names."""
    tried = []
    monkeypatch.setattr(naming, "renamed", lambda leaves, maps: tried.append(maps) or leaves)
    names = [f"w{number}" for number in range(40)]
    before = {(name,): of_array((name,), np.ones(1)) for name in names}
    after = {(f"in_{name}", name): before[name,] for name in names}

    assert naming.suggested_maps(before, after) == ()
    assert len(tried) <= 4


def test_leaves_beside_each_other_are_looked_at_a_few_times():
    """Thousands of them are listed within a second."""
    looks = Counter()

    class Leaf:
        def __init__(self, number):
            self.name, self.fate = f"w{number}", "moved" if number % 2 else "vanished"

        @property
        def path(self):
            looks[self.name] += 1
            return (self.name,)

    assert len(list(uniform_prefixes([Leaf(number) for number in range(200)]))) == 200
    assert max(looks.values()) < 20


def test_a_command_that_nobody_reads_is_not_told(diff):
    """It would name every other one of many leaves."""
    before = {(f"w{number}",): np.zeros(2) for number in range(40)}
    after = {path: leaf + int(path[0][1:]) % 2 for path, leaf in before.items()}

    assert "this judges it" not in diff(before, after)[1]


def test_ignored_leaves_are_left_out(diff):
    """Of every law."""
    after = trained(weights()) | {("params", "new"): np.ones(3)}

    assert diff(weights(), after, "--frozen", "params/encoder")[0] == 1
    assert diff(weights(), after, "--frozen", "params/encoder", "--ignore", "**/new")[0] == 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--frozen", "encoder"],
            "`encoder` in `frozen` matches no leaf (did you mean `params/enc",
        ),
        (["--frozen", "*/zzz"], "`*/zzz` in `frozen` matches no leaf: the leaves are"),
        (["--frozen", "params", "--still", "hed"], "`hed` in `still` matches no leaf"),
        (
            ["--frozen", "params", "--promise", "valu"],
            "'valu' is not a guarantee; did you mean value",
        ),
        (["--map", "kernel"], "--map kernel: write REGEX=REPL"),
        (["--map", "(=x"], "--map (=x: missing )"),
        (["--map", "nothing=x"], "--map nothing=x changes no name"),
        (["--map", ".*=x"], "--map .*=x gives two leaves the name x"),
        (["--transpose", "params=0"], "is not an order of them"),
        (["--ignore", "params", "ema"], "--ignore leaves nothing to compare"),
        (["--skeleton", "nowhere:make"], "module 'nowhere'"),
    ],
)
def test_a_mistake_is_one_line(options, line, diff):
    """Status 2, and what to write instead."""
    status, _, errors = diff(weights(), trained(weights()), *options)

    assert status == 2
    assert line in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["--frozen", "embed", "a.npz", "b.npz"], "BEFORE, AFTER; they stand in front of --frozen"),
        (["a.npz", "--ignore", "ema", "b.npz"], "AFTER; they stand in front of --frozen, --still"),
    ],
)
def test_checkpoints_behind_a_pattern_are_missed(words, missing, capsys):
    """The option takes them for patterns, and the line says so."""
    assert main(["diff", *words]) == 2

    assert f"are required: {missing}" in capsys.readouterr().err


def test_all_of_it_as_json(diff):
    """One object: the report's fields, and every leaf."""
    after = FAULTS["decay"].apply(trained(weights()))

    status, out, _ = diff(weights(), after, "--frozen", "params/encoder", "--json")
    content = json.loads(out)

    assert status == 1
    assert {row["law"]: row["verdict"] for row in content["verdicts"]}["frozen-value"] == "refuted"
    leaves = {leaf["leaf"]: leaf for leaf in content["leaves"]}
    assert leaves["params/encoder/kernel"]["role"] == "frozen"
    assert leaves["params/encoder/kernel"]["changed"] > 1900
    assert leaves["params/head/kernel"]["moved"]
    assert not json.loads(diff(weights(), after, "--json")[1])["leaves"][1]["moved"]


def test_a_report_is_left(diff, tmp_path):
    """Valid by the schema, with the page of the tree, and a line for each leaf."""
    after = FAULTS["swapped"].apply(trained(weights()))

    status, _, errors = diff(weights(), after, "--frozen", "params/encoder", "--report", "out")
    report = read_report(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    lines = (tmp_path / "out" / "leaves.jsonl").read_text().splitlines()

    assert (status, errors) == (1, "")
    assert report.finished
    assert {row.law for row in report.rows if row.fails} == {"frozen-value"} | {"frozen-norm"}
    assert "swapped with params/encoder/other" in page
    assert {json.loads(line)["leaf"] for line in lines} == {"/".join(path) for path in weights()}
    assert (tmp_path / "out" / "junit.xml").is_file()


def test_a_narrow_page_counts_leaves_in_words(diff, tmp_path):
    """There the table has no headings; one leaf is a leaf."""
    diff(weights(), weights(), "--frozen", "params/encoder/kernel", "--report", "out")
    page = (tmp_path / "out" / "report.html").read_text()

    assert 'class="number">1<span class="unit"> leaf</span>' in page
    assert re.search('class="number">[2-9]<span class="unit"> leaves</span>', page)


def test_the_page_escapes_what_files_and_users_write():
    """Names of files, too."""
    page = tree_page("<b>.npz", "</code><script>alert(1)</script>", [], None)

    assert "<script" not in page
    assert "&lt;b&gt;.npz" in page


_SLOW = """
import sys, time
from frostproof.properties.checkpoints import judging

compared = judging._compared

def slowly(pair, role):
    if pair.path[-1] == "last":
        time.sleep(60)
    return compared(pair, role)

judging._compared = slowly
from frostproof.reference.checkpoints.stored_leaf import of_array
from frostproof.reports.cli.main import main
from frostproof.reports.diff.groups import uniform_prefixes
main(sys.argv[1:])
"""


def test_a_killed_run_leaves_the_leaves_that_were_done(tmp_path):
    """By SIGKILL; the report says that it was not finished."""
    tree = weights() | {("params", "last"): np.ones(3)}
    save("npz", tree, tmp_path / "before")
    save("npz", trained(tree), tmp_path / "after")
    command = ["diff", tmp_path / "before", tmp_path / "after", "--frozen", "params/encoder"]
    journal = tmp_path / "out" / "leaves.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, *command, "--report", tmp_path / "out"]
    ) as run:
        until = time.monotonic() + 60
        while not journal.exists() or journal.read_text().count("\n") < len(tree) - 1:
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(run.pid, signal.SIGKILL)

    done = [json.loads(line)["leaf"] for line in journal.read_text().splitlines()]
    assert sorted(done) == sorted("/".join(path) for path in weights())
    report = read_report(tmp_path / "out")
    assert not report.finished
    assert {row.verdict for row in report.rows} == {"not-run"}
