"""Several hosts: one run over ssh, with one database; one that dies costs no verdict."""

import os
import subprocess
import sys
import time

import pytest

from frostproof.properties.meta.reports.pytest_plugin import hosts
from frostproof.reports.pytest_plugin.remote_hosts import joined
from frostproof.reports.results.reading import read_report

# Networks of hosts take minutes to come and go: `.ci/hosts` asks for them.
UNASKED = None if "FROSTPROOF_HOSTS" in os.environ else "run by .ci/hosts"
needs_hosts = pytest.mark.skipif(
    (UNASKED or hosts.MISSING) is not None, reason=str(UNASKED or hosts.MISSING)
)
CODE = """
import os, jax, optax, frostproof

def right(optimizer, mask):
    with open("judged-by.txt", "a") as file:
        file.write(frostproof.__file__ + "\\n")
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))
"""
RUN = ("--subject", "code.py:right", "-k", "frozen-", "-p", "no:cacheprovider", "-v")


def start(folder, there, *options):
    """Start a run on hosts, from a folder with the code, as the README says."""
    places = [word for host in there for word in ("--tx", host.place)]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *RUN, "--dist", "load", *places, *options],
        cwd=folder,
        env=os.environ | {"FROSTPROOF_PROFILE": "ci"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(folder):
    return {row.id: (row.verdict, row.examples) for row in read_report(folder).rows}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "code.py").write_text(CODE)
    (folder / "pyproject.toml").write_text("[tool.frostproof]\nmax-examples = 4\n")
    (folder / "report").mkdir()  # which xdist would take for a path to collect
    return folder


@pytest.fixture(scope="module")
def alone(project):
    """The verdicts of a run on this machine."""
    command = [sys.executable, "-m", "pytest", *RUN, "--report", "alone"]
    environment = os.environ | {"FROSTPROOF_PROFILE": "ci"}
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    return rows(project / "alone")


@needs_hosts
def test_two_hosts_find_what_one_does(project, alone, tmp_path):
    """With the package and the code that were brought to them."""
    with hosts.network(tmp_path, (0, 1)) as there:
        for host in there:
            host.synchronise(project / "code.py", project / "pyproject.toml")

        run = start(project, there, "--report", "report")
        said, _ = run.communicate(timeout=500)

    assert run.returncode == 0, said
    assert rows(project / "report") == alone
    for host in there:
        used = set((host.folder / "judged-by.txt").read_text().split())
        assert used == {str(host.folder / "frostproof" / "__init__.py")}


@needs_hosts
def test_a_host_that_dies_costs_no_verdict(project, alone, tmp_path):
    """What it was still to judge is judged on the other; what it was about is named."""
    with hosts.network(tmp_path, (None, None)) as (first, second):
        for host in (first, second):
            host.synchronise(project / "code.py", project / "pyproject.toml")
        run = start(project, (first, second), "--report=report")
        judged = first.folder / "judged-by.txt"
        while not judged.exists() and run.poll() is None:
            time.sleep(0.1)
        first.die()
        said, _ = run.communicate(timeout=500)

    assert run.returncode == 1, said
    found = rows(project / "report")
    lost = {id for id in alone if found[id] != alone[id]}
    assert found.keys() == alone.keys()
    assert len(lost) == 1, said
    (row,) = (row for row in read_report(project / "report").rows if row.id in lost)
    assert row.verdict == "error"
    assert "ended before there was a verdict" in row.reason


@needs_hosts
def test_all_hosts_die(project, alone, tmp_path):
    """Then this machine judges what is left."""
    with hosts.network(tmp_path, (None,)) as (only,):
        only.synchronise(project / "code.py", project / "pyproject.toml")
        run = start(project, (only,), "--report=report")
        judged = only.folder / "judged-by.txt"
        while not judged.exists() and run.poll() is None:
            time.sleep(0.1)
        only.die()
        said, _ = run.communicate(timeout=500)

    assert run.returncode == 1, said
    assert rows(project / "report").keys() == alone.keys()
    assert sum(verdict == "error" for verdict, _ in rows(project / "report").values()) == 1, said


def test_a_value_that_is_a_folder_stays_with_its_option():
    """As xdist would else look for it among what the hosts have."""
    typed = ("--tx", "ssh=a", "--report", "night", "-k", "x", "--subject", "a.py:f", "tests")

    assert joined(typed, frozenset({"--report", "--subject"})) == (
        *("--tx", "ssh=a", "--report=night", "-k", "x", "--subject=a.py:f", "tests"),
    )
    assert joined(("--report=night",), frozenset({"--report"})) == ("--report=night",)
