"""A Redis server that many machines have in common: what one finds is tried first on the others."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis.database import InMemoryExampleDatabase

pytest.importorskip("redis", reason="needs the package redis")

from frostproof.properties.engine.databases.shared import SharedDatabase
from frostproof.reports.results.reading import read_report

needs_server = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="needs a redis-server"
)
CODE = """
import jax, optax

def seldom_wrong(optimizer, mask):
    # Wrong for trees of which a single leaf is frozen, and it is not the first.
    flat = jax.tree.leaves(mask)
    faulty = sum(flat) == 1 and len(flat) > 2 and not flat[0]
    keep = jax.tree.map(lambda frozen: frozen and not faulty, mask)
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), keep))
"""


@pytest.fixture
def server():
    """Start a server; returns the process and its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield process, f"redis://127.0.0.1:{port}/0"
    process.kill()
    process.wait()


def verify(folder, seed, **environment):
    """Judge the code as a machine with nothing of its own would."""
    return subprocess.run(
        [
            *(Path(sys.executable).with_name("frostproof"), "verify", "code.py:seldom_wrong"),
            *("--laws", "frozen-value", "--seed", str(seed), "--report", str(seed)),
        ],
        cwd=folder,
        env=os.environ
        | {"FROSTPROOF_PROFILE": "default", "XDG_CACHE_HOME": str(folder / f"cache{seed}")}
        | {"JAX_COMPILATION_CACHE_DIR": str(folder / "xla")}
        | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def examples(folder, seed):
    (row,) = read_report(folder / str(seed)).rows
    return row.verdict, row.examples


@needs_server
def test_what_one_machine_finds_is_tried_first_on_another(tmp_path, server):
    """Under another seed, with an empty cache; without the server it is found as late as ever."""
    (tmp_path / "code.py").write_text(CODE)
    _, url = server

    for seed in (1, 2):
        run = verify(tmp_path, seed, FROSTPROOF_DATABASE=url)
        assert run.returncode == 1, run.stderr
    alone = verify(tmp_path, 3)

    assert alone.returncode == 1
    assert examples(tmp_path, 1)[1] > 1
    assert examples(tmp_path, 3)[1] > 1
    assert examples(tmp_path, 2) == ("refuted", 1)


@needs_server
def test_a_server_that_goes_away_costs_nothing(server):
    """It is asked no more, and answers as an empty one."""
    process, url = server
    database = SharedDatabase(url, "examples")
    database.save(b"key", b"value")
    assert set(SharedDatabase(url, "examples").fetch(b"key")) == {b"value"}
    assert set(SharedDatabase(url, "nightly").fetch(b"key")) == set()

    process.kill()
    process.wait()

    empty = InMemoryExampleDatabase()
    for each in (database, empty):
        assert set(each.fetch(b"key")) == set()
        each.save(b"key", b"other")
        each.move(b"key", b"there", b"other")
        each.delete(b"key", b"other")


def test_a_server_that_is_not_there_is_said(tmp_path):
    """Before anything runs, in a line without the password."""
    (tmp_path / "code.py").write_text(CODE)

    run = verify(tmp_path, 1, FROSTPROOF_DATABASE="redis://user:secret@127.0.0.1:1/0")

    assert run.returncode == 2
    assert run.stderr.startswith(
        "frostproof: FROSTPROOF_DATABASE: no Redis server answers at redis://127.0.0.1:1: "
    )
    assert "secret" not in run.stderr
    assert run.stderr.count("\n") == 1
