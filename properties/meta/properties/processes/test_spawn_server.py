"""Spawned processes: fresh, watched, and gone with the run, as forked ones are."""

import json
import signal
import subprocess
import sys

import psutil
import pytest

from frostproof.properties.processes.spawn_server import SpawnServer
from frostproof.properties.processes.start_method import START_METHOD, process_server

CODE = """
import os, signal, subprocess, sys, optax

def right(optimizer, mask):
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))

def dies(optimizer, mask):
    os.kill(os.getpid(), signal.SIGSEGV)

PARENT = [os.getppid()]

def kills_its_parent(optimizer, mask):
    while PARENT:  # once: after that it would be another's
        os.kill(PARENT.pop(), signal.SIGKILL)
    return right(optimizer, mask)

def leaves_a_child(optimizer, mask):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open("child.txt", "w").write(str(child.pid))
    os._exit(3)
"""
#: A run that is killed while it judges something that never ends.
KILLED = """
import json, os, signal, sys
from frostproof.properties.processes.spawn_server import SpawnServer

server = SpawnServer()
first, second = server.start(), server.start()
first.connection.send_bytes(json.dumps({"target": "forever.py:fn", "kind": None}).encode())
print(json.dumps([first.pid, second.pid, server._spare.pid]), flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""
FOREVER = "print('begun', file=open('begun', 'w'))\nwhile True: pass"


def test_each_process_is_fresh(tmp_path, monkeypatch):
    """A crash, an exit and what a subject leaves behind cost one verdict each, and name it."""
    from frostproof import verify

    monkeypatch.setenv(START_METHOD, "spawn")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.py").write_text(CODE)
    names = ("right", "dies", "leaves_a_child", "kills_its_parent")

    report = verify(*(f"code.py:{name}" for name in names), laws=["training-runs"], max_examples=1)

    verdicts = {row.subject.partition(":")[2]: (row.verdict, row.reason) for row in report.rows}
    assert verdicts["right"] == ("held", None)
    assert verdicts["dies"] == ("error", "the process was killed by SIGSEGV")
    assert verdicts["leaves_a_child"] == ("error", "the process ended itself with exit status 3")
    assert verdicts["kills_its_parent"] == ("held", None)
    assert not _alive(int((tmp_path / "child.txt").read_text()))


def test_a_run_that_is_killed_leaves_nothing(tmp_path):
    """Neither what judged in it, nor what was made ready."""
    (tmp_path / "forever.py").write_text(FOREVER)
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    started = [psutil.Process(pid) for pid in json.loads(run.stdout.readline())]
    run.communicate()

    assert run.returncode == -signal.SIGKILL
    assert not psutil.wait_procs(started, timeout=10)[1]


def test_the_second_process_has_the_next_one_ready():
    """A run of one subject starts one process; and all end with what started them."""
    server = SpawnServer()
    first = server.start()
    assert server._spare is None
    second = server.start()
    spare = server._spare

    server.end(first)
    assert server.start() is spare
    third = server._spare
    for process in (second, spare):
        server.end(process)
    server.close()

    assert not any(_alive(process.pid) for process in (first, second, spare, third))


def test_the_system_decides_how_processes_start(monkeypatch):
    """Linux forks; a way that is none is said."""
    monkeypatch.delenv(START_METHOD, raising=False)
    kind = {"linux": "ForkServer"}.get(sys.platform, "SpawnServer")
    assert type(process_server()).__name__ == kind

    monkeypatch.setenv(START_METHOD, "thread")
    with pytest.raises(ValueError, match="must be fork, where there is one, or spawn, got 'threa"):
        process_server()


def _alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
