"""The workflows run what is in this repository, on the releases that it says it supports."""

import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import frostproof
from frostproof.properties.meta.measurements import soundness
from frostproof.reports.libraries import command as libraries
from frostproof.reports.nightly import command as nightly

ROOT = Path(frostproof.__file__).parent
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
STEPS = [
    (f"{name}/{job}/{number}", step)
    for name, workflow in WORKFLOWS.items()
    for job, jobs in workflow["jobs"].items()
    for number, step in enumerate(jobs["steps"])
]
COMMANDS = [(place, step["run"]) for place, step in STEPS if "run" in step]
#: What steps run by `python -m`.
MODULES = {"frostproof.reports.libraries": libraries, "frostproof.reports.nightly": nightly}
#: What a matrix or the runner fills in, by something that it could be.
EXPRESSIONS = {
    "${{ matrix.releases }}": "oldest",
    '"$CELL"': "py3.11-oldest",
    '"$PART"': "linen",
    '"$GITHUB_STEP_SUMMARY"': "summary",
    '"$GITHUB_RUN_NUMBER"': "7",
}


def words(command):
    """Return the words of a command, with what is filled in; raises for what we cannot fill in."""
    for expression, value in EXPRESSIONS.items():
        command = command.replace(expression, value)
    assert not re.search(r"[$]", command), command
    return shlex.split(command)


def test_both_workflows_are_there():
    """And each step that does something is one command: the rest is in scripts."""
    assert set(WORKFLOWS) == {"ci", "nightly"}
    assert len(COMMANDS) == 21
    assert all("\n" not in command for _, command in COMMANDS)


@pytest.mark.parametrize(("place", "command"), COMMANDS, ids=[place for place, _ in COMMANDS])
def test_a_step_runs_what_anybody_can_run(place, command):
    """A script of `.ci/`, a command that the environment has, or a module with such arguments."""
    first, *arguments = words(command)
    if first.startswith(".ci/"):
        assert (ROOT / first).stat().st_mode & 0o100, f"{first} cannot be executed"
    elif (
        first == ".venv/bin/python" and arguments[0] == "properties/meta/measurements/soundness.py"
    ):
        soundness.parse_options(arguments[1:])
    elif first == ".venv/bin/python":
        assert arguments[0] == "-m"
        MODULES[arguments[1]]._parser().parse_args(arguments[2:])
    elif first.startswith(".venv/bin/"):
        name = Path(first).name  # pip is a module where a command was left out
        assert (Path(sys.executable).parent / name).exists() or find_spec(name)
    else:
        assert first == "cat"
    for file in (word for word in arguments if word.startswith(".ci/")):
        assert (ROOT / file).exists()


def test_the_nightly_matrix_is_what_the_conclusion_expects():
    """A part that nobody expects could be missing for thirty nights."""
    matrix = WORKFLOWS["nightly"]["jobs"]["judge"]["strategy"]["matrix"]

    assert set(matrix["part"]) == set(nightly.PARTS)
    cells = itertools.product(matrix["python"], matrix["releases"])
    assert [f"py{python}-{releases}" for python, releases in cells] == list(nightly.CELLS)
    assert set(itertools.chain(*nightly.PARTS.values())) == set(nightly.REFERENCES)


def test_pythons_begin_with_the_oldest_supported_one():
    """All in CI, the oldest and the newest every night."""
    matrix = WORKFLOWS["ci"]["jobs"]["tests"]["strategy"]["matrix"]

    assert (matrix["python"][0], matrix["python"][-1]) == nightly.PYTHONS
    assert matrix["releases"] == list(nightly.RELEASES)
    assert PROJECT["requires-python"] == f">={nightly.PYTHONS[0]}"
    assert WORKFLOWS["ci"]["jobs"]["readme"]["steps"][1]["with"] == {
        "python-version": nightly.PYTHONS[0]
    }


def test_failing_examples_are_kept_whatever_happens():
    """Restored before the laws run and saved after, also when they fail, from the same folder."""
    steps = WORKFLOWS["nightly"]["jobs"]["judge"]["steps"]
    restore, judge, save = (
        next(number for number, step in enumerate(steps) if sign in str(step))
        for sign in ("cache/restore", "nightly judge", "cache/save")
    )

    assert restore < judge < save
    assert steps[save]["if"] == "always()"
    paths = {steps[step]["with"]["path"] for step in (restore, save)}
    assert paths == {"~/.cache/frostproof/nightly"}
    prefix = steps[restore]["with"]["restore-keys"]
    assert steps[save]["with"]["key"].startswith(prefix)
    # A key that is there already would not be saved again.
    assert "run_attempt" in steps[save]["with"]["key"]


def test_the_oldest_releases_are_the_lower_bounds():
    """What `.ci/environment oldest` pins: all of them, on new Pythons only what is judged."""
    command = [sys.executable, ".ci/lower_bounds.py"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    pinned = set(run.stdout.split())
    bounds = {each.replace(">=", "==") for each in PROJECT["dependencies"]}
    assert all(each.count("==") == 1 for each in bounds)
    judged = {each for each in bounds if re.match("(jax|flax|optax)=", each)}
    assert len(judged) == 3
    assert pinned == (bounds if sys.version_info[:2] == (3, 11) else judged)


def test_an_unknown_kind_of_release_is_refused():
    """Before anything is installed."""
    run = subprocess.run(
        [ROOT / ".ci" / "environment", "nightly", "nowhere"],
        env={"PYTHON": "true", "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 2
    assert "oldest, latest, prerelease or newest, not nightly" in run.stderr


def test_an_issue_gets_the_title_and_the_text_of_its_file(tmp_path):
    """And a link to the night, where there is one; `gh` itself is only told."""
    gh = tmp_path / "gh"
    gh.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\ncat\n")
    gh.chmod(0o755)
    (tmp_path / "issue.md").write_text("# 2 laws regressed\n\n- one\n")
    night = {"GITHUB_SERVER_URL": "https://x", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}

    run = subprocess.run(
        [ROOT / ".ci" / "file-issue", tmp_path / "issue.md"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"} | night,
        capture_output=True,
        text=True,
        check=True,
    )

    told = ["issue", "create", "--title", "2 laws regressed", "--body-file", "-"]
    text = ["", "- one", "The night: https://x/a/b/actions/runs/7"]
    assert run.stdout.splitlines() == told + text


@pytest.mark.parametrize(("found", "status"), [("<testcase/>", 0), ("<failure message=''/>", 124)])
def test_a_check_that_ran_out_of_time_tells_a_failure(found, status, tmp_path):
    """What has failed by then is not a success; what has not run yet is not a failure."""
    tools = {
        "ruff": "",
        "mypy": "",
        "python": "echo test_a.py",
        "timeout": 'while [[ $1 != */pytest ]]; do shift; done; "$@"; exit 124',
        "pytest": f'[[ "$*" =~ xml\\ ([^ ]+) ]] && echo "{found}" > "${{BASH_REMATCH[1]}}"; exit 2',
    }
    for folder in (".ci", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name, script in tools.items():
        tool = tmp_path / ".venv" / "bin" / name
        tool.write_text(f"#!/usr/bin/env bash\n{script}\n")
        tool.chmod(0o755)
    check = tmp_path / ".ci" / "check"
    check.write_bytes((ROOT / ".ci" / "check").read_bytes())

    path = f"{tmp_path / '.venv' / 'bin'}:/usr/bin:/bin"
    run = subprocess.run(["bash", check], env={"PATH": path}, capture_output=True, text=True)

    assert run.returncode == status, run.stdout + run.stderr
    assert ("no failure" in run.stdout) == (status == 0)
