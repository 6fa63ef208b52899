"""The pytest plugin, as users meet it: whole runs of pytest, in folders that know nothing of us."""

import json
import re
from collections import defaultdict

import pytest

from frostproof.properties.processes.fork_server import ForkServer
from frostproof.properties.processes.start_method import process_server
from frostproof.reports.formats.files import FILES

#: Cheap to run, and wrong: no JAX, nothing trained. `sound` breaks only the laws not chosen here.
TRAIN = """
import flax.linen
import numpy as np

def sound(seed, x, y, lr): return np.float32([1, 2, 2])
def thaws(seed, x, y, lr): return np.float32([1, 3, 2])
def raises(seed, x, y, lr): raise KeyError("Dense_0")
"""
FEW = ("answer-shape", "answer-norms-equal", "answer-repeatable", "answer-inputs-untouched")
#: Each process that loads the targets, what it is forked from, and whether the controller's last.
NOTE_PROCESSES = """
import os, pathlib, psutil
with (pathlib.Path(__file__).parent / "processes").open("a+") as file:
    file.seek(0)
    of_controller = [int(line.split()[0]) for line in file][:2]
    lasting = [pid for pid in of_controller if psutil.pid_exists(pid)]
    print(os.getpid(), psutil.Process(os.getppid()).ppid(), *lasting, file=file)
"""
#: Some laws on few examples, which pytest has no options for.
TERMS = "--frostproof-settings=" + json.dumps({"max_examples": 3, "laws": FEW})


@pytest.fixture
def foreign(pytester, monkeypatch):
    """A project with its own conftest, settings and test, and with code to be judged."""
    monkeypatch.setenv("FROSTPROOF_PROFILE", "ci")
    pytester.makepyfile(train=TRAIN, test_own="def test_own(): pass")
    pytester.makeconftest("")
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config")
    return pytester


def rows(folder):
    """Return the rows of a report by id; every id is there once."""
    verdicts = json.loads((folder / "report.json").read_text())["verdicts"]
    by_id = {row["id"]: row for row in verdicts}
    assert len(by_id) == len(verdicts)
    return by_id


def workers(result):
    """Return the xdist workers by the subjects whose laws they ran."""
    found = defaultdict(set)
    for worker, subject in re.findall(r"(gw\d).* \S*::test_law\[(.*?)-answer", result.stdout.str()):
        found[subject].add(worker)
    return dict(found)


def test_subjects_are_judged_from_any_directory(foreign):
    """Only their laws run, one item each, a subject's in one process; the report has each once.

    All processes are forked from one, or each is started by the process of pytest that needs it;
    those of the controller, which may hold a GPU, end first.
    """
    foreign.makepyfile(train=TRAIN + NOTE_PROCESSES)
    names = ("train.py:sound", "train.py:thaws")
    subjects = [f"--subject={name}" for name in (*names, names[0])]

    result = foreign.runpytest_subprocess(*subjects, TERMS, "-v", "-n2", "--report=made/here")

    result.assert_outcomes(passed=7, failed=1)
    printed = result.stdout.str()
    assert "::test_law[train.py:sound-answer-shape]" in printed
    one, other = (workers(result)[name] for name in names)
    assert (len(one), len(other), len(one | other)) == (1, 1, 2)

    assert "law     `after` equals `before`" in printed
    assert "seen    frozen kernel's norm changed: 2 → 3" in printed
    assert "for     api='linen', seed=0, learning_rate=" in printed
    script = "made/here/scripts/train.py-thaws-answer-norms-equal.py"
    assert f"script  {script}\n" in printed
    assert "from train import thaws as subject" in (foreign.path / script).read_text()
    assert "import thaws" not in printed
    assert not re.search("Traceback|reports/pytest", printed)
    assert "frostproof: ran 8 of 8 laws, profile ci, seed 0" in printed

    processes = [line.split() for line in (foreign.path / "processes").read_text().splitlines()]
    assert [len(each) for each in processes] == [2, 2, 2, 2]
    origins = 1 if isinstance(process_server(), ForkServer) else 3
    assert len({origin for _, origin in processes}) == origins

    found = rows(foreign.path / "made" / "here")
    assert set(found) == {f"{name}::{law}" for name in names for law in FEW}
    assert found["train.py:thaws::answer-norms-equal"]["verdict"] == "refuted"
    assert {path.name for path in (foreign.path / "made" / "here").iterdir()} == {*FILES, "scripts"}


def test_the_package_is_the_suite(foreign):
    """`--pyargs frostproof.properties` runs the same and no test of ours; one subject is spread."""
    foreign.makepyfile(plain="def step(seed, x, y, lr): return [1.0, 2.0, 2.0]")
    subject = ("--subject=plain.py:step", "--as=nnx")
    where = ("--pyargs", "frostproof.properties", "--frostproof-report=out")

    result = foreign.runpytest_subprocess(*subject, *where, TERMS, "-v", "-n2", timeout=120)

    result.assert_outcomes(passed=4)
    assert workers(result) == {"plain.py:step": {"gw0", "gw1"}}
    assert len(rows(foreign.path / "out")) == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--subject=broken.py:step"], "broken.py:step: the import raised ZeroDivisionError: "),
        (["--subject=nowhere:step", "-n2"], "nowhere:step: the module 'nowhere' does not exist"),
        (["--report=test_own.py"], "--report test_own.py: "),
    ],
    ids=["raises", "missing", "no folder"],
)
def test_what_cannot_be_done_is_a_usage_error(foreign, arguments, expected):
    """One line says why, before anything runs."""
    foreign.makepyfile(broken="1 / 0")

    result = foreign.runpytest_subprocess(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines if line)
    assert line.startswith(f"ERROR: {expected}")


def test_the_laws_in_a_test_file_of_others(foreign):
    """Objects, bare functions and targets, under their own settings and warnings as errors."""
    foreign.makeconftest(
        """
        import hypothesis, pytest

        hypothesis.settings.register_profile("own", derandomize=True, deadline=1, phases=[])
        hypothesis.settings.load_profile("own")

        @pytest.fixture(autouse=True)
        def elsewhere(tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)
        """
    )
    foreign.makepyfile(
        test_train="""
        import frostproof, pytest, train

        @frostproof.laws(frostproof.Exercise(train.thaws), promise=["selected"], max_examples=3)
        def test_object(law): law()

        @frostproof.laws(train.sound, max_examples=3)
        class TestBare:
            def test_it(self, law): law()

        @frostproof.laws("train.py:thaws", max_examples=2)
        @frostproof.laws("train.py:raises")
        def test_named(law): law()

        @pytest.mark.skip
        @frostproof.laws(train.raises)
        def test_skipped(law): law()
        """
    )
    laws = "own or norms-equal or named and shape"

    result = foreign.runpytest_subprocess(
        "-W", "error", "-n2", "-v", "-rsxf", "--report=out", "-k", laws, timeout=120
    )

    result.assert_outcomes(passed=3, failed=2, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines_random(
        [
            "*PASSED test_train.py::TestBare::test_it[[]answer-norms-equal[]]*",
            "XFAIL test_train.py::test_object[[]answer-norms-equal[]] - beyond the promise: *",
            "FAILED test_train.py::test_named[[]train.py:raises-answer-shape[]] - *",
            "FAILED test_train.py::test_named[[]train.py:thaws-answer-norms-equal[]] - *",
            "SKIPPED*: see answer-shape: the call raised KeyError: *",
            "frostproof: ran 5 of 55 laws, profile ci, seed 0",  # -k left out the others
        ]
    )
    seen = {
        id: (row["verdict"], row["promised"], row["examples"])
        for id, row in rows(foreign.path / "out").items()
    }
    assert seen == {
        "train:thaws::answer-norms-equal": ("refuted", False, 1),
        "train:sound::answer-norms-equal": ("held", True, 3),
        "train.py:thaws::answer-shape": ("held", True, 2),
        "train.py:thaws::answer-norms-equal": ("refuted", True, 1),
        "train.py:raises::answer-shape": ("error", True, 1),
        "train.py:raises::answer-norms-equal": ("not-run", True, 0),
        "train:raises::answer-norms-equal": ("not-run", True, 0),
    }
    asked = json.loads((foreign.path / "out" / "report.json").read_text())["asked"]
    assert asked.keys() == {"train:thaws", "train:sound", "train.py:thaws", "train.py:raises"} | {
        "train:raises"
    }
    assert "answer-norms-equal" not in asked["train:sound"]["omitted"]
    assert "answer-shape" in asked["train:sound"]["omitted"]
    assert "keeps computes" not in (foreign.path / "out" / "report.md").read_text()


def test_the_script_of_a_failure_is_a_file_of_the_project(foreign):
    """In pytest's root folder, wherever a test is; one that the fault is mended of is removed.

    Where no file can be written, or on another machine, the script is printed: nothing is lost.
    """
    tests = "import frostproof, train\n@frostproof.laws(train.thaws, max_examples=1)\n"
    tests += "def test_it(law, tmp_path, monkeypatch): monkeypatch.chdir(tmp_path); law()"
    foreign.makepyfile(test_own=tests)
    run = ("-k", "norms-equal", "-p", "no:cacheprovider")
    scripts = foreign.path / ".frostproof" / "scripts"
    script = scripts / "train-thaws-answer-norms-equal.py"

    failed = foreign.runpytest_subprocess(*run)

    failed.stdout.fnmatch_lines(["seen *", "for  *", f"script  {script.relative_to(foreign.path)}"])
    assert "import thaws" not in failed.stdout.str()
    assert "from train import thaws as subject" in script.read_text()

    script.rename(foreign.path / "kept.py")
    scripts.rmdir()
    scripts.write_text("no folder")
    failed = foreign.runpytest_subprocess(*run)

    assert "from train import thaws as subject" in failed.stdout.str()
    assert "script  " not in failed.stdout.str()

    scripts.unlink()
    (foreign.path / "there").mkdir()
    code = f"--subject={foreign.path / 'train.py'}:thaws"
    failed = foreign.runpytest_subprocess(code, *run, "--dist=load", "--tx=popen//chdir=there")

    assert "from train import thaws as subject" in failed.stdout.str()
    assert not scripts.exists()

    scripts.mkdir()
    (foreign.path / "kept.py").rename(script)
    foreign.makepyfile(train=TRAIN.replace("[1, 3, 2]", "[1, 2, 2]"))
    foreign.runpytest_subprocess(*run).assert_outcomes(passed=1)

    assert list(scripts.iterdir()) == []


def test_options_of_others_are_theirs(foreign):
    """Where another plugin, or a conftest, has `--subject`, ours has the longer name only.

    A subject that is named is judged beside what else is, instead of those of a conftest, and by
    a node id that a run has printed.
    """
    foreign.makepyfile(plugin="def pytest_addoption(parser): parser.addoption('--subject')")
    foreign.makeconftest(
        """
        def pytest_addoption(parser):
            parser.getgroup("other").addoption("--report")

        def pytest_report_header(config):
            return f"theirs: {config.getoption('--subject')}, {config.getoption('--report')}"

        def pytest_frostproof_subjects(config):
            raise AssertionError("nobody asked")
        """
    )
    options = ("-p", "plugin", "--subject=hay fever", "--report=out", TERMS)
    ours = "--frostproof-subject=train.py:sound"
    one_law = "::test_law[train.py:sound-answer-repeatable]"

    beside = foreign.runpytest_subprocess(*options, ours, "test_own.py", "--co")
    alone = foreign.runpytest_subprocess(*options, ours, one_law, "--frostproof-report=ours")

    beside.stdout.fnmatch_lines(["theirs: hay fever, out", "*test_own*", "*[[]train*", "*5 tests*"])
    assert "frostproof: ran" not in beside.stdout.str()
    alone.assert_outcomes(passed=1)
    assert list(rows(foreign.path / "ours")) == ["train.py:sound::answer-repeatable"]
    assert not (foreign.path / "out").exists()


def test_the_value_of_an_option_is_no_path_to_collect(foreign):
    """A folder of an earlier report does not keep pytest from the conftests of the project.

    One that pytest finds later may have the same option, to no effect.
    """
    for folder, option in (("tests", "--mine"), ("tests/later", "--report")):
        at = foreign.mkpydir(folder)
        (at / "test_it.py").write_text("def test_it(): pass")
        conftest = f"def pytest_addoption(parser): parser.addoption({option!r})"
        (at / "conftest.py").write_text(conftest)
    foreign.mkdir("out")

    result = foreign.runpytest_subprocess("--mine=1", "--report", "out")

    result.assert_outcomes(passed=3)
    assert rows(foreign.path / "out") == {}


def test_a_run_without_us_is_left_alone(foreign):
    """The plugin is loaded, but neither JAX nor our engine, in no process; no line is ours."""
    foreign.makeconftest(
        """
        import sys

        HEAVY = {"jax", "flax", "hypothesis", "frostproof.properties"}

        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"loaded: {HEAVY & set(sys.modules)}")
        """
    )
    foreign.makepyfile(
        test_own="""
        import conftest, sys

        def test_own(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("frostproof")
            assert not conftest.HEAVY & set(sys.modules)
        """
    )

    result = foreign.runpytest_subprocess("-n1")

    result.assert_outcomes(passed=1)
    _, _, printed = result.stdout.str().partition("created: 1/1 worker")
    assert "loaded: set()" in printed
    assert "frostproof" not in printed
