"""The command: its exit statuses, each with its line and no traceback, and what it prints."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from frostproof.reference.subjects.targets import UnusableTarget
from frostproof.reports.cli.main import main
from frostproof.reports.run.verify import verify

LINEN = "frostproof.reference.linen:freeze_first_dense"
FEW = ("--max-examples", "2", "--laws", "answer-shape")

BROKEN = """
import flax.linen
from frostproof.reference.linen import freeze_first_dense

def half(seed, x, y, lr):
    loss, after, before = freeze_first_dense(seed, x, y, lr)
    return [loss / 2, after, before]

def noisy(seed, x, y, lr):
    import random, sys, time
    import numpy as np
    print("x" * 100_000)
    print("y" * 100_000, file=sys.stderr)
    random.seed(0), np.random.seed(0), time.sleep(0.01)
    return freeze_first_dense(seed, x, y, lr)

def exits(seed, x, y, lr):
    import os
    os._exit(7)

def quits(seed, x, y, lr):
    raise SystemExit("enough")
"""


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    return path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["verify", "no_such_module_x:fn"], "the module 'no_such_module_x' does not exist"),
        (["verify", "no_such_file.py:fn"], "the file does not exist"),
        (["verify", LINEN, "--laws", "answer-shap"], "did you mean answer-shape"),
        (["verify", LINEN, "--max-examples", "0"], "at least 1, got 0"),
        (["verify", LINEN, "--max-examples", "few"], "invalid int value"),
        (["verify", LINEN, "--timeout", "-1"], "positive, got -1"),
        (
            ["verify", LINEN, "--promise", "colour"],
            "'colour' is not a guarantee (choose from computes, selected, norm, value, bits, inert",
        ),
        (["verify", LINEN, "--promise", "valeu"], "a guarantee; did you mean value? (choose from"),
        (["verify", LINEN, "--promise", "advice"], "'advice' is never promised (choose from"),
        (["verify", LINEN, "--as", "torch"], "invalid choice"),
        (["verify", LINEN, "--as", "optax"], "is called as fn(optimizer, mask)"),
        (["verify", LINEN, "--as", "trainer"], "frostproof.LinenTrainer(create, train_step"),
        (["verify", LINEN, "--report", "{file}"], "the folder cannot be made"),
        (["verify", LINEN, "--report", "{file}/below"], "the folder cannot be made"),
        (["verify", LINEN, "-n", "none"], "number of processes or auto"),
        (["verify", LINEN, "--no-such-option"], "verify: unrecognized arguments: --no-such-option"),
        (["verify", LINEN, "--max-exampels=3"], "--max-exampels=3; did you mean --max-examples?"),
        (["verify", LINEN, "--profile", "nightly"], "nightly; set FROSTPROOF_PROFILE, to default"),
        (["verify", "linen/gradient-zeroin"], "did you mean linen/gradient-zeroing, nnx/"),
        (["laws", "no-such-law"], "no law is called"),
        (["replay", "{file}", "--target", LINEN], "not a report of frostproof"),
        (
            ["replay", "no/such/report", "--target", LINEN],
            "such/report: the file does not exist",
        ),
        (["compare", "{file}", "{file}"], "not a report of frostproof: expected a report.json"),
        (["no-such-command"], "invalid choice"),
        ([], "required"),
    ],
    ids=lambda value: "-".join(value).replace("/", "-") if isinstance(value, list) else "",
)
def test_what_cannot_be_judged_ends_with_2(arguments, expected, tmp_path, capsys):
    """One line on standard error, which says what is wrong; no traceback, nothing else."""
    file = tmp_path / "file"
    file.write_text("no folder")
    status = main([argument.format(file=file) for argument in arguments])

    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("frostproof")
    assert printed.err.count("\n") == 1
    assert expected in printed.err


def test_one_bad_target_of_two_is_named_and_the_other_judged(broken, tmp_path, capsys):
    """All targets are loaded before anything runs: what is wrong is said first and last."""
    bad = f"{broken}:nowhere"

    assert main(["verify", bad, LINEN, *FEW, "--report", str(tmp_path / "out")]) == 2

    printed = capsys.readouterr()
    assert printed.err.startswith(f"frostproof: {bad}: the module has no 'nowhere'")
    assert "holds answer-shape" in printed.out
    assert f"\ncannot be judged  {bad}: the module has no 'nowhere'" in printed.out
    assert "the chosen laws held; 1 subject cannot be judged\n" in printed.out
    assert [*json.loads((tmp_path / "out" / "report.json").read_text())["unusable"].values()] == [1]


def test_bad_targets_alone_are_all_named(broken, capsys):
    """Nothing is judged where nothing can be."""
    assert main(["verify", f"{broken}:nowhere", "no_such_file.py:fn", *FEW]) == 2

    printed = capsys.readouterr()
    assert [line.split(": ")[1] for line in printed.err.splitlines()] == [
        f"{broken}:nowhere",
        "no_such_file.py:fn",
    ]
    assert printed.out == ""


def test_from_python_one_bad_target_of_two_is_raised(broken):
    """Whoever calls sees it before anything runs, unless his listener takes it."""
    with pytest.raises(UnusableTarget, match="nowhere"):
        verify(f"{broken}:nowhere", LINEN, laws=["answer-shape"], max_examples=2)


def test_a_correct_program_ends_with_0(capsys):
    """Everything promised held, and the run says how much that was."""
    assert main(["verify", LINEN, *FEW]) == 0

    assert "ran 1 of 11 laws" in " ".join(capsys.readouterr().out.split())


def test_a_refuted_law_ends_with_1_and_a_report(broken, tmp_path, capsys):
    """The law is named on the terminal and in report.json, with what it takes to fix the code."""
    folder = tmp_path / "made" / "on demand"
    arguments = ["--laws", "answer-loss-is-mse", "--max-examples", "5", "--report", str(folder)]

    assert main(["verify", f"{broken}:half", "-v", *arguments]) == 1

    assert "refuted  answer-loss-is-mse" in capsys.readouterr().out
    report = json.loads((folder / "report.json").read_text())
    (row,) = report["verdicts"]
    assert row["id"] == f"{broken}:half::answer-loss-is-mse"
    assert (row["verdict"], row["promised"], row["examples"]) == ("refuted", True, 1)
    (problem,) = row["counterexample"]["problems"]
    assert (problem["seed"], problem["rows"], problem["features"]) == (0, 1, 1)
    assert "answer-loss-is-mse" in (folder / "report.md").read_text()
    assert report["summary"] == {"ran": 1, "of": 11, "not_run": {"left out by --laws": 10}}

    assert main(["replay", str(folder), "--target", f"{broken}:half"]) == 1
    assert "failed" in capsys.readouterr().out
    assert main(["replay", str(folder), "answer-loss-is-mse", "--target", LINEN]) == 0
    assert "fixed" in capsys.readouterr().out
    assert main(["replay", str(folder), "answer-loss-is-ms", "--target", LINEN]) == 2
    assert "'answer-loss-is-ms'; did you mean answer-loss-is-mse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exits", "exit status 7"),
        ("quits", "SystemExit: enough"),
    ],
)
def test_a_subject_that_takes_its_process_down_costs_one_verdict(broken, name, reason, capsys):
    """It is in error, and the subject beside it is judged all the same."""
    targets = [f"{broken}:{name}", LINEN]

    assert main(["verify", *targets, "-v", *FEW]) == 1

    printed = capsys.readouterr().out
    assert "error    answer-shape" in printed
    assert reason in printed
    assert "held     answer-shape" in printed


def test_a_noisy_subject_disturbs_nothing(broken, capsys):
    """One that prints, seeds the global generators and takes its time is judged like any other."""
    assert main(["verify", f"{broken}:noisy", "--max-examples", "5", "--laws", "answer-*e"]) == 0

    assert "xxx" not in capsys.readouterr().out


def test_several_processes_judge_the_same(broken, capsys):
    """-n spreads the items with pytest-xdist; the verdicts are those of one process."""
    laws = ("--laws", "answer-shape", "--laws", "answer-loss-is-mse", "--max-examples", "3")

    assert main(["verify", f"{broken}:half", LINEN, *laws, "-v", "-n", "2"]) == 1

    printed = capsys.readouterr().out
    assert printed.count("held ") == 3
    assert printed.count("refuted ") == 1
    assert "ran 4 of 22 laws" in " ".join(printed.split())


def test_help_and_the_law_book_load_no_jax():
    """What only reads the book answers at once."""
    code = (
        "import sys; from frostproof.reports.cli.main import main; main(['laws']); "
        "import frostproof.reports.pytest_plugin.plugin; "
        "assert not {'jax', 'flax', 'optax'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "answer-loss-is-mse" in done.stdout


def without_progress(errors):
    """Drop what a run tells of itself on a machine where it takes long."""
    return re.sub(rb"(?m)^(\d+ of \d+ laws|loading subject).*\n", b"", errors)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["laws"], 0),
        (["verify", LINEN, *FEW, "-v"], 0),
        (["verify", "broken.py:half", "--max-examples", "2", "--laws", "answer-loss-is-mse"], 1),
    ],
)
def test_the_status_is_that_of_the_verdict_whoever_stops_reading(broken, words, status):
    """As `head -1` does: nothing is said of that, and the run goes on to its end."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [str(Path(sys.executable).parent / "frostproof"), *words]

    done = subprocess.run(command, cwd=broken.parent, stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)

    assert (done.returncode, without_progress(done.stderr)) == (status, b"")


def test_a_mistake_is_one_whoever_stops_reading():
    """The status says so where nobody reads the line."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [str(Path(sys.executable).parent / "frostproof"), "verify", "nowhere.py:it"]

    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writes)
    os.close(writes)

    assert (done.returncode, done.stdout) == (2, b"")


def test_a_closed_output_is_no_failure():
    """Python has no stream then."""
    command = f"{Path(sys.executable).parent / 'frostproof'} laws frozen-value >&-"

    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "command",
    [
        f"frostproof verify {LINEN}",
        "frostproof replay report",
        f"frostproof prove {LINEN}",
        "frostproof laws",
        "frostproof diff a b --frozen c",
        "python -m frostproof.reports.nightly judge night here linen",
        "python -m frostproof.reports.nightly conclude night --history history",
        "python -m frostproof.reports.libraries",
        "python -m frostproof.reports.libraries latest",
    ],
)
def test_a_folder_that_was_removed_is_told_in_a_line(tmp_path, command):
    """A shell may stand in it still, and Hypothesis asks for it as it is imported."""
    command = f"cd {tmp_path} && rmdir {tmp_path} && {Path(sys.executable).parent}/{command}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "frostproof: the current folder does not exist any more: "
        "go to another one by cd, and try again\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk is always full here")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("--help", 2),
        ("--version", 2),
        ("verify --help", 2),
        ("optimizers", 2),
        ("laws frozen-value", 2),
        ("verify broken.py:half --max-examples 1 --laws answer-norms-equal,answer-shape", 2),
        ("verify broken.py:half --max-examples 1 --laws answer-loss-is-mse", 1),
    ],
)
def test_a_full_disk_is_told_in_a_line(broken, words, status):
    """It goes on to the verdict: what was to be read is lost, which is not a success."""
    command = f"{Path(sys.executable).parent / 'frostproof'} {words}"
    said = b"frostproof: the output is not complete: No space left on device\n"

    done, mute = (
        subprocess.run(
            ["bash", "-c", f"{command} >/dev/full {errors}"],
            cwd=broken.parent,
            stderr=subprocess.PIPE,
        )
        for errors in ("", "2>&1")
    )

    assert (done.returncode, without_progress(done.stderr)) == (status, said)
    assert (mute.returncode, mute.stderr) == (status, b"")


def test_a_run_loads_jax_where_it_judges_alone(broken):
    """The process that watches the others begins 0.4 s sooner without it."""
    words = ["verify", f"{broken}:half", "--as", "linen", "--max-examples", "1", "-n", "2"]
    code = (
        "import sys; from frostproof.reports.cli.main import main; "
        f"assert main({words}) == 1; assert not {{'jax', 'flax', 'optax'}} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
