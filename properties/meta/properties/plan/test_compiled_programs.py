"""Programs of a user's process are kept for the next run, and its settings left as they were."""

import os
import subprocess
import sys

import pytest

from frostproof.properties.plan.compiled_programs import keep_compiled_programs

PROGRAM = """
import warnings
import jax
from pathlib import Path
from frostproof.properties.plan.compiled_programs import _SETTINGS, compiled_programs_kept

warnings.simplefilter("error")
{before}
settings = {{name: getattr(jax.config, name) for name in _SETTINGS}}
jax.jit(lambda x: x + 1)(1.0)
with compiled_programs_kept():
    jax.jit(lambda x: x + 2)(1.0)
    {within}
assert settings == {{name: getattr(jax.config, name) for name in _SETTINGS}}
kept = len(list(Path("cache").rglob("*-cache")))
jax.jit(lambda x: x + 3)(1.0)
assert kept == len(list(Path("cache").rglob("*-cache")))
print(kept)
"""


def kept(folder, before="", within=""):
    """Return how many programs a process keeps in its own cache folder, which stands in another."""
    environment = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, within=within)],
        cwd=folder,
        env={**environment, "XDG_CACHE_HOME": "cache"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_the_programs_of_a_block_are_kept_and_no_others(tmp_path):
    """The settings of the process are the same after it."""
    assert kept(tmp_path) == 1


def test_a_cache_of_the_users_stands(tmp_path):
    """And so does the wish for none."""
    assert kept(tmp_path, 'jax.config.update("jax_compilation_cache_dir", "own")') == 0
    assert kept(tmp_path, 'jax.config.update("jax_enable_compilation_cache", False)') == 0


def test_a_cache_that_was_used_before_is_another(tmp_path):
    """JAX goes on to write into the folder of before, unless it is told to look again."""
    used = """
jax.config.update("jax_compilation_cache_dir", "own")
jax.jit(lambda x: x)(1.0)
jax.config.update("jax_compilation_cache_dir", None)
"""

    assert kept(tmp_path, used) == 1


#: Settings under which JAX raises where a cache cannot be used, or holds another compilation.
STRICT = [
    f'jax.config.update("{name}", {value})'
    for name, value in (
        ("jax_raise_persistent_cache_errors", True),
        ("jax_compilation_cache_check_contents", True),
        ("jax_compilation_cache_max_size", 10_000_000),
    )
]


@pytest.mark.parametrize("before", ["", "\n".join(STRICT)], ids=["as it is", "strict"])
def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path, before):
    """JAX would warn of each program, or raise, and a test suite may make errors of warnings."""
    (tmp_path / "cache").touch()

    assert kept(tmp_path, before) == 0


def test_what_is_strict_about_a_cache_of_the_users_is_not_about_ours(tmp_path):
    """A program may be compiled to other bytes in a second run."""
    strict = "\n".join(STRICT)
    checked = "assert not jax.config.jax_compilation_cache_check_contents"

    assert [kept(tmp_path, strict, checked), kept(tmp_path, strict)] == [1, 1]


@pytest.mark.parametrize("own", [{}, {"JAX_COMPILATION_CACHE_DIR": "own"}])
def test_a_process_of_ours_keeps_its_programs(own, monkeypatch):
    """In our folder by our settings; in a folder of the user's by those of the user."""
    strict = {"JAX_RAISE_PERSISTENT_CACHE_ERRORS": "True"}
    monkeypatch.setattr("os.environ", strict | own)

    keep_compiled_programs()

    assert os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] == "0.0"
    assert os.environ["JAX_RAISE_PERSISTENT_CACHE_ERRORS"] == str(bool(own))
    assert (os.environ["JAX_COMPILATION_CACHE_DIR"] == "own") == bool(own)
