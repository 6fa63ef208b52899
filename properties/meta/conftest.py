"""What tests share: garbage is searched for seldom, and scripts run where nobody knows us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from frostproof.properties.processes.fork_server import ForkServer
from frostproof.properties.processes.gc_tuning import search_seldom
from frostproof.properties.processes.start_method import process_server


def pytest_collection_finish(session):
    """All that the tests import is there."""
    search_seldom()


@pytest.fixture(scope="session", autouse=True)
def one_server():
    """JAX is imported once for all runs in here: that is most of what a small one takes."""
    server = process_server()
    if isinstance(server, ForkServer):  # else each process is a start of Python anyway
        server.end(server.start())
    yield
    server.close()


# One process for many scripts: most of what a script takes is the start of JAX.
_LOOP = """
import contextlib, json, os, runpy, sys, traceback

path = list(sys.path)
for line in sys.stdin:
    script = json.loads(line)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            runpy.run_path(script, run_name="__main__")
        answer = ""
    except BaseException:
        answer = traceback.format_exc()
    sys.path[:] = path
    # The subject that it imported: the next script may import another one of that name.
    for name, module in list(sys.modules.items()):
        if os.path.dirname(getattr(module, "__file__", None) or "") == os.path.dirname(script):
            del sys.modules[name]
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(scope="module")
def run():
    """Return a function that runs a script and returns the traceback it ends with, or ""."""
    with subprocess.Popen(
        [sys.executable, "-c", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run_script(script: Path) -> str:
            print(json.dumps(str(script)), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield run_script
        process.stdin.close()
