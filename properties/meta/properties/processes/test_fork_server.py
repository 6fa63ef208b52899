"""The fork server: one import of JAX for all processes of a run, and it ends with the run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from frostproof.properties.processes.fork_server import ADDRESS, ForkServer
from frostproof.properties.processes.start_method import START_METHOD, started_ahead
from frostproof.reports.cli.main import main
from frostproof.reports.run import verify

#: A run that is killed while a process of it is alive.
KILLED = """
import json, os, psutil, signal
from frostproof.properties.processes.fork_server import ADDRESS, ForkServer

server = ForkServer()  # kept: a connection that nobody holds is closed, and the process ends
process = server.start()
forks = psutil.Process(process.pid).ppid()
started = [process.pid, forks, psutil.Process(forks).ppid()]
print(json.dumps([started, os.environ[ADDRESS]]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def above(process):
    """Return the numbers of the process that has forked this one, and of the server."""
    forks = psutil.Process(process.pid).ppid()
    return forks, psutil.Process(forks).ppid()


@pytest.fixture
def servers_of_a_run(monkeypatch):
    """Return two of a run that begins here."""
    monkeypatch.delenv(ADDRESS, raising=False)
    made = ForkServer(), ForkServer()
    yield made
    for server in made:
        server.close()
    assert ADDRESS not in os.environ


def test_a_run_shares_its_server(servers_of_a_run, monkeypatch):
    """What a subject kills is replaced; a process in other surroundings does not come to it."""
    one, other = servers_of_a_run
    kept = one.start()
    fork, server = above(kept)
    folder = Path(os.environ[ADDRESS]).parent

    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    other_fork, same = above(beside := other.start())
    assert (same, other_fork != fork) == (server, True)
    other.end(beside)
    os.kill(other_fork, signal.SIGKILL)
    other_fork, same = above(beside := other.start())
    assert same == server

    with monkeypatch.context() as patched:
        patched.setenv("CUDA_VISIBLE_DEVICES", "1")
        assert ForkServer()._connect() is None

    os.kill(server, signal.SIGKILL)  # what it has forked lives on
    other.end(beside)
    assert above(other.start())[0] == other_fork
    os.kill(fork, signal.SIGKILL)
    one.end(kept)
    assert above(one.start())[1] != server
    assert not folder.exists()


@pytest.mark.usefixtures("servers_of_a_run")
def test_who_comes_is_in_the_folder_that_it_came_from(tmp_path, monkeypatch):
    """Targets and modules are named from there, not from where the server was launched."""
    servers = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        for module in ("own", name):
            text = f"def {name}(optimizer, mask): return optimizer"
            (folder / f"{module}.py").write_text(text)
        monkeypatch.chdir(folder)
        servers.append(ForkServer())
    owner, other = servers
    server = above(owner.start())[1]
    process = other.start()

    assert above(process)[1] == server
    assert psutil.Process(process.pid).cwd() == str(tmp_path / "second")
    kinds = {}
    for target in ("own.py:second", "own:second", "first:first"):
        process.connection.send_bytes(json.dumps({"target": target, "kind": "optax"}).encode())
        kinds[target] = json.loads(process.connection.recv_bytes()).get("kind")
    assert kinds == {"own.py:second": "optax", "own:second": "optax", "first:first": None}
    for server in servers:
        server.close()


@pytest.mark.usefixtures("servers_of_a_run")
@pytest.mark.parametrize("paths", ["lib", os.pathsep.join(("/", ""))])
def test_paths_that_are_named_from_a_folder_are_those_of_the_run(paths, tmp_path, monkeypatch):
    """Python has made them absolute in a server, where they lead to the modules of its owner."""
    monkeypatch.setenv("PYTHONPATH", paths)
    servers = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        servers.append(ForkServer())

    first, second = (above(server.start())[1] for server in servers)

    assert first != second
    for server in reversed(servers):
        server.close()


def test_a_server_of_other_surroundings_is_there_again(servers_of_a_run, monkeypatch):
    """A run in between, with other settings, launches one for itself."""
    servers_of_a_run[0].start()
    address = os.environ[ADDRESS]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    between = ForkServer()
    between.start()
    assert os.environ[ADDRESS] != address

    between.close()

    assert os.environ[ADDRESS] == address


@pytest.mark.usefixtures("servers_of_a_run")
def test_a_server_may_be_launched_ahead():
    """Who starts a process comes to it, and so does a run within the run."""
    with started_ahead():
        address = os.environ[ADDRESS]
        server = ForkServer()
        server.start()
        with started_ahead():
            assert os.environ[ADDRESS] == address
        server.close()
        assert os.environ[ADDRESS] == address

    assert not Path(address).parent.exists()


@pytest.mark.usefixtures("servers_of_a_run")
@pytest.mark.parametrize(
    ("options", "method", "launched"),
    [((), "fork", True), (("--device", "cpu"), "fork", False), ((), "spawn", False)],
)
def test_the_command_launches_one_before_it_imports_the_rest(
    options, method, launched, monkeypatch
):
    """Not where JAX has still to be told of a device."""
    seen = []

    def judging(*_, **__):
        seen.append(ADDRESS in os.environ)
        raise ValueError("nothing to judge")

    monkeypatch.setenv(START_METHOD, method)
    monkeypatch.setattr(verify, "verify", judging)

    assert main(["verify", *options]) == 2
    assert seen == [launched]


@pytest.mark.usefixtures("servers_of_a_run")  # else the run comes to that of the tests
def test_a_server_ends_with_its_run():
    """Also where that is killed, in the middle of a law."""
    run = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    started, address = json.loads(run.stdout)

    assert run.returncode == -signal.SIGKILL
    alive = [psutil.Process(pid) for pid in started if psutil.pid_exists(pid)]
    assert not psutil.wait_procs(alive, timeout=5)[1]
    assert not Path(address).parent.exists()
