"""Hostile subjects, many in one run: each gets its verdict, and takes no other with it."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from frostproof import Exercise, verify
from frostproof.reference.corpus.specimens.hostile.hostile_exercises import interrupts
from frostproof.reference.subjects.targets import resolved

MODULES = ("hostile.hostile_exercises", "hostile.hostile_trainers")
SOUND = "frostproof.reference.linen:freeze_first_dense"
EXPECTED = {
    f"frostproof.reference.corpus.specimens.{module}:{name}": expected
    for module in MODULES
    for name, expected in import_module(
        f"frostproof.reference.corpus.specimens.{module}"
    ).EXPECTED.items()
}
#: What is said of a process that ended in the middle of an example.
DIED = re.compile("^(no answer|the process|it was ended)")
#: Names the processes of the run: none of them may be left.
MARK = "FROSTPROOF_HOSTILE_RUN"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The rows of the reports by subject; a sound one is judged among the hostile ones.

    In two runs side by side: mostly they wait for what hangs.
    """
    folder = tmp_path_factory.mktemp("hostile")
    limited = ["sh", "-c", 'ulimit -m 600000 && exec "$@"', "sh"]
    settings = os.environ | {MARK: str(folder), "FROSTPROOF_PROFILE": "ci"}

    def start(module):
        targets = [target for target in EXPECTED if f".{module}:" in target]
        targets.insert(len(targets) // 2, SOUND)
        laws = ("answer-shape", "training-runs", "answer-inputs-untouched")
        command = [
            *(str(Path(sys.executable).parent / "frostproof"), "verify", *targets),
            # Quietly: on a busy machine it would say how far it has come.
            *("-q", "-n", "3", "--timeout", "10", "--max-examples", "2", "--report", module),
            *(word for law in laws for word in ("--laws", law)),
        ]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*limited, *command], env=settings, cwd=folder, **piped)

    runs = [start(module) for module in MODULES]
    try:
        ended = [(run.communicate(timeout=300)[1], run.returncode) for run in runs]
    finally:
        for run in runs:
            run.kill()  # where it took too long

    assert ended == [("", 1)] * len(runs)
    reports = [json.loads((folder / each / "report.json").read_text()) for each in MODULES]
    verdicts = [
        row | {"subject": resolved(row["subject"])}
        for report in reports
        for row in report["verdicts"]
    ]
    found = {f"{row['subject']}::{row['law']}": row for row in verdicts}
    of_two_laws = [target for target in (*EXPECTED, SOUND) if "trainers" not in target]
    assert len(found) == len(EXPECTED) + 1 + len(of_two_laws)
    assert len(verdicts) == len(found) + 2  # the sound one is judged in both
    return found | {"folder": str(folder)}


@pytest.mark.parametrize("subject", EXPECTED, ids=[name.rpartition(".")[2] for name in EXPECTED])
def test_a_hostile_subject_gets_its_verdict(subject, rows):
    """That which is expected, with a reason that names what happened."""
    verdict, words = EXPECTED[subject]
    row = rows.get(f"{subject}::answer-shape") or rows[f"{subject}::training-runs"]

    assert row["verdict"] == verdict, row["reason"]
    assert words is None or words in row["reason"]
    assert words is None or "frostproof itself" not in row["reason"]


def test_what_is_beside_them_is_judged(rows):
    """Another law on the same subject, and another subject, as if they were alone."""
    laws = ("answer-shape", "answer-inputs-untouched")
    sound = [rows[f"{SOUND}::{law}"] for law in laws]
    untouched = {
        name.rpartition(":")[2]: rows[f"{name}::{laws[1]}"]["verdict"]
        for name in EXPECTED
        if f"{name}::{laws[1]}" in rows
    }

    assert [(row["verdict"], row["examples"]) for row in sound] == [("held", 2)] * 2
    assert untouched["deletes_its_inputs"] == untouched["forks"] == "refuted"
    assert untouched["leaves_threads"] == untouched["stops_the_clock"] == "held"
    assert untouched["segfaults"] == untouched["exits"] == "not-run"


def test_what_a_process_died_of_is_kept(rows):
    """The problem that it was given last: another process can be given it again."""
    died = [
        row for name, row in rows.items() if name != "folder" and DIED.search(row["reason"] or "")
    ]
    problems = {row["subject"]: row["counterexample"] for row in died}

    assert len(died) >= 10
    assert all(found is not None for found in problems.values())
    assert all(len(found["problems"]) == 1 for found in problems.values())
    scripts = {row["subject"].rpartition(":")[2]: row["reproduce"] for row in died}
    assert "import segfaults as subject" in scripts["segfaults"]
    assert "training = subject.begin(0, batch_1, optimizer)" in scripts["dies_in_a_step"]


def test_an_interrupt_in_the_users_own_process_ends_the_run():
    """It may be theirs: objects are protected from exceptions only."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            verify(Exercise(interrupts, "linen"), laws=["answer-shape"], max_examples=2)
    finally:
        signal.signal(signal.SIGINT, kept)


def test_there_are_many():
    """Twenty ways to do harm, and more."""
    assert len(EXPECTED) >= 20


def test_no_process_is_left(rows):
    """Neither of the run, nor of what its subjects have started."""

    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == rows["folder"]:
                left.append(process.cmdline())

    assert left == []
