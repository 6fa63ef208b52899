"""The README is true: its files are written as shown, its commands are run, its output compared."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.training.train_state import TrainState

import frostproof
from frostproof.properties.plan.profiles import CACHE, PROFILES, open_database
from frostproof.properties.plan.run_settings import TIMEOUT
from frostproof.reports.cli.main import main

README = (Path(frostproof.__file__).parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
#: Code that names its file in its first line, and code that goes into somebody's program.
FILES = {text.partition("\n")[0][2:]: text for text in PYTHON if text.startswith("# ")}
SNIPPETS = [text for text in PYTHON if not text.startswith("# ")]
#: Commands with the output that is shown of them, of which "…" stands for any lines.
COMMANDS = [
    tuple(part.partition("\n")[::2])
    for language, text in BLOCKS
    if language == "console"
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
]
#: Laws that need what the example of many keywords tells.
KEYWORDS = ("frozen-value", "trainable-moves", "loss-is-mse", "lifecycle", "refreezing-keeps-bits")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files of the README and nothing else."""
    made = tmp_path_factory.mktemp("readme")
    for name, text in FILES.items():
        (made / name).write_text(text, encoding="utf-8")
    return made


def stable(output):
    """Return lines of output without what may differ from one machine or run to the next."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    numbers = [re.sub(r"-?\d[\d.e+-]*|inf|nan", "#", line) for line in lines]
    return [re.sub(r"under (adamw|lion)\(", "under one that decays(", line) for line in numbers]


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_prints_what_is_shown(command, shown, folder):
    """It fails for the fault that the text is about, and prints those lines in that order."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "FROSTPROOF_PROFILE": "ci", "COLUMNS": "400"}

    run = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert run.returncode == 1, run.stdout + run.stderr
    printed = iter(stable(run.stdout))
    for line in stable(shown):
        assert line == "…" or line in printed, f"not printed: {line}\n{run.stdout}"


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_fits_into_a_program(snippet):
    """It runs with what its own names say: a model that has a backbone, and its training."""
    model = {"backbone": np.ones(2), "head": np.ones(2)}

    keras = SimpleNamespace(callbacks=SimpleNamespace(Callback=object))
    names = {"frostproof": frostproof, "model": model, "train": lambda model: None, "keras": keras}
    names |= {"flax": flax, "jax": jax, "jnp": jnp, "np": np}
    if "import frostproof" in snippet:  # a whole program, to be pasted as it is
        names = {}

    exec(snippet, names)

    for trainer in [each for each in names.values() if isinstance(each, frostproof.LinenTrainer)]:
        report = frostproof.verify(trainer, laws=KEYWORDS, max_examples=3, seed=0)
        assert [row.law for row in report.rows if row.verdict in ("held", "proved")] == [*KEYWORDS]


def test_parts_that_are_shown_are_put_together_again():
    """The rows of a table: those that stay, and two more."""
    (snippet,) = [each for each in SNIPPETS if "def with_params" in each]
    names = {"jnp": jnp}
    exec(snippet, names)
    table = np.arange(3006.0).reshape(1002, 3)
    state = TrainState(0, None, {"table": table, "head": np.ones(3)}, None, None)

    parts = names["params"](state)
    together = names["with_params"](state.replace(params={}), parts).params

    assert [len(parts[name]) for name in ("old", "new")] == [1000, 2]
    assert (together["table"] == table).all()
    assert (together["head"] == 1).all()


def test_each_file_is_judged():
    """What is shown was run, and there is one of each kind."""
    commands = " ".join(command for command, _ in COMMANDS)

    assert set(FILES) == {"head.py", "adapter.py", "wrapper.py", "test_head.py", "checkpoints.py"}
    assert all(name in commands for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_user_writes_ten_lines(name):
    """Ten lines of code are enough for a verdict, the model and its training included."""
    lines = [line for line in FILES[name].splitlines() if line and not line.startswith("#")]

    assert len([line for line in lines if not re.match("import|from", line)]) <= 10


def test_the_arguments_of_the_decorator_are_told():
    """Each by its name, in the section about it, since nothing else lists them."""
    section = README.partition("### In a test suite")[2].partition("\n### ")[0]
    _, *arguments = inspect.signature(frostproof.laws).parameters

    assert [name for name in arguments if f"`{name}=" not in section] == []


def test_where_failures_are_kept_is_told():
    """In the folder that the code writes to, which is not that of Hypothesis."""
    for name in ("default", "nightly"):
        kept = Path(open_database(PROFILES[name].database).path).relative_to(CACHE.parent)
        assert f"`~/.cache/{kept}`" in README

    about_hypothesis = README.partition("`.hypothesis/`")[2].partition("\n\n")[0]
    assert "failed" not in about_hypothesis


def test_the_help_tells_the_exit_status_as_the_readme_does(capsys):
    """In the same words, one of which a user may search for in a CI job."""
    main(["verify", "--help"])
    helped = " ".join(capsys.readouterr().out.split())
    told = " ".join(README.partition("\nExit status: ")[2].partition(", with one line")[0].split())

    meanings = re.findall(r"\*\*(\d)\*\* (.*?)(?=, \*\*|$)", told)

    assert [status for status, _ in meanings] == ["0", "1", "2"]
    assert f"Exit status: {'; '.join(map(' '.join, meanings))}." in helped


@pytest.mark.parametrize("command", ["verify", "prove", "replay", "compare", "diff", "merge"])
def test_the_help_tells_how_a_command_ends(command, capsys):
    """All that can end with another status than 0 for what they find, and after what time."""
    main([command, "--help"])
    helped = " ".join(capsys.readouterr().out.split())

    assert "Exit status: 0 " in helped
    assert "--timeout" not in helped or f"seconds per law; by default {TIMEOUT:g} " in helped


def test_the_commands_of_ci_stand_first():
    """`.ci/run` takes the first two lines within `sh` fences."""
    first, second, *_ = (text for language, text in BLOCKS if language == "sh")

    assert first.strip().endswith("pip install -e . && .venv/bin/frostproof verify")
    assert second.strip().endswith("pip install -e . && .venv/bin/pytest -n auto")
