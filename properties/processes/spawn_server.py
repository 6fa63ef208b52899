"""Fresh processes by a start of Python each, where none can be forked: Windows, and macOS, whose
own libraries may crash in a fork.

Each imports JAX anew, in a second or two. So as soon as a run has needed a second process the next
one is made ready beside it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from queue import Empty, SimpleQueue
from time import sleep
from typing import Any

import psutil

from ..plan.compiled_programs import keep_compiled_programs
from .process import MOMENT, Process, limit_messages

#: Seconds between two looks at whether a process has started, or the run has ended.
_WATCH = 0.1
#: Stands between a process and the run, as the one that forks does elsewhere: a subject that kills
#: its parent kills this. It ends as the process ended.
_BETWEEN = """
import os, subprocess, sys
status = subprocess.call(sys.argv[1:])
if status < 0:
    os.kill(os.getpid(), -status)
os._exit(status)
"""


class SpawnServer:
    """Starts processes, one at a time, and ends them with all that they have started."""

    def __init__(self) -> None:
        self._folder = os.getcwd()  # targets are named from here, wherever a test goes since
        #: What stands between, by the numbers of the processes.
        self._between: dict[int, subprocess.Popen[bytes]] = {}
        self._spare: Process | None = None
        self._count = 0

    def start(self) -> Process:
        """Return a fresh process; raises `RuntimeError` where Python or JAX do not start."""
        process, self._spare = self._spare or self._spawn(), None
        self._count += 1
        if self._count > 1:
            self._spare = self._spawn()
        return process

    def wait(self, process: Process) -> int | None:
        """Return how a process ended, or None if it has not within a moment."""
        if process.status is None:
            with suppress(subprocess.TimeoutExpired):
                process.status = self._between[process.pid].wait(MOMENT)
        return process.status

    def end(self, process: Process) -> None:
        """Kill a process, and what it has started."""
        _kill_family(process.pid, group=self._between[process.pid].pid)
        process.connection.close()
        self.wait(process)
        del self._between[process.pid]

    def close(self) -> None:
        """End all processes."""
        if self._spare is not None:
            self.end(self._spare)
        self._spare = None

    def _spawn(self) -> Process:
        password = secrets.token_bytes(16)
        with Listener(authkey=password) as door:
            popen = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _BETWEEN),
                    *(sys.executable, "-m", __name__, str(door.address), str(os.getpid())),
                ],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **_group_of_its_own(),
            )
            assert popen.stdin is not None
            with suppress(OSError), popen.stdin as told:  # and at its end, for the subject, nothing
                told.write(password.hex().encode())
            connection = _accept(door, popen)
        if connection is None:
            raise RuntimeError("frostproof's own process does not start: it needs Python and JAX")
        pid = int(connection.recv_bytes())
        limit_messages(connection)
        self._between[pid] = popen
        return Process(pid, connection)


def _group_of_its_own() -> dict[str, Any]:
    """Keep a Ctrl-C to the run, and what a subject starts together."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _accept(door: Listener, popen: subprocess.Popen[bytes]) -> Connection | None:
    """Wait for a process to come; None if it ends before that."""
    came: SimpleQueue[Connection] = SimpleQueue()

    def accept() -> None:
        with suppress(Exception):  # the door was closed
            came.put(door.accept())

    threading.Thread(target=accept, daemon=True).start()
    while popen.poll() is None:
        with suppress(Empty):
            return came.get(timeout=_WATCH)
    return None


def _kill_family(pid: int, *, group: int) -> None:
    """Kill a process, all below it, and on POSIX what it has left behind in its group."""
    family = []
    with suppress(psutil.Error):
        head = psutil.Process(pid)
        family = [head, *head.children(recursive=True)]
    for each in family:
        with suppress(psutil.Error):
            each.kill()
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    # It may hold a GPU that the next one wants; and no process waits for its own end.
    psutil.wait_procs([each for each in family if each.pid != os.getpid()], MOMENT)


def _end_with(parent: psutil.Process) -> None:
    """End this process, and what it has started, with the one that started it."""
    while parent.is_running():
        sleep(_WATCH)
    _kill_family(os.getpid(), group=os.getpgid(0) if sys.platform != "win32" else 0)
    os._exit(1)


def _main(address: str, parent: int) -> None:
    password = bytes.fromhex(sys.stdin.readline())
    with Client(address, authkey=password) as connection:
        connection.send_bytes(str(os.getpid()).encode())
        with suppress(psutil.Error):
            watched = psutil.Process(parent)
            threading.Thread(target=_end_with, args=[watched], daemon=True).start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a fork: it is meant for the run
        keep_compiled_programs()  # before JAX is imported
        from .worker_process import prepare, serve

        prepare()
        serve(connection)


if __name__ == "__main__":
    try:
        _main(sys.argv[1], int(sys.argv[2]))
    finally:
        os._exit(1)  # without waiting for what a subject has left behind
