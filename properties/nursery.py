"""Fresh processes in milliseconds: forks of one that has imported JAX, and has run nothing yet.

What a subject does to its process (settings of JAX, patched modules, threads, open files) ends with
it. Until it is first used JAX holds no threads and no devices, so that a fork is whole.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe

_NUMBER = struct.Struct("!i")
#: Seconds that a process may take to be gone, once its connection is closed or it is killed.
_MOMENT = 2.0
#: Seconds between two looks at whether a process, or the run, has ended.
_WATCH = 0.05


@dataclass
class Process:
    """A process that answers on a connection; it leads a process group of its own number."""

    pid: int
    connection: Connection
    #: How it ended: its exit status, or minus the signal that killed it.
    status: int | None = None


class Nursery:
    """Starts processes, one at a time, and ends them with all that they have started."""

    def __init__(self) -> None:
        self._folder = os.getcwd()  # targets are named from here, wherever a test goes since
        self._parent: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> Process:
        """Return a fresh process; the first one takes the seconds of importing JAX."""
        if self._parent is None or self._parent.poll() is not None:
            self._begin()
        assert self._control is not None
        ours, theirs = Pipe()
        with socket.socket(fileno=os.dup(ours.fileno())) as stream:
            # A message that a subject began to write by itself would have no end.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 2, 0))
        with theirs:
            socket.send_fds(self._control, [b"f"], [theirs.fileno()])
        pid = self._read(None)
        if pid is None:
            raise RuntimeError("frostproof's own process does not start: is JAX installed?")
        return Process(pid, ours)

    def wait(self, process: Process) -> int | None:
        """Return how a process ended, or None if it has not within a moment."""
        if process.status is None:
            process.status = self._read(_MOMENT)
        return process.status

    def end(self, process: Process) -> None:
        """Kill a process, and what it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.connection.close()
        if self.wait(process) is None:  # also where a subject has killed the process that forks
            self.close()

    def close(self) -> None:
        """End the process that forks."""
        if self._control is not None:
            self._control.close()
        if self._parent is not None:
            self._parent.kill()
            self._parent.wait()
        self._parent = self._control = None

    def _begin(self) -> None:
        self.close()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _read(self, seconds: float | None) -> int | None:
        """Return the next number from the process that forks, None if none comes."""
        assert self._control is not None
        self._control.settimeout(seconds)
        try:
            message = self._control.recv(_NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            return None
        return _NUMBER.unpack(message)[0] if len(message) == _NUMBER.size else None


def fork_on_demand(control: socket.socket) -> None:
    """Fork a process for each connection that is handed over, and tell its number and its end."""
    from .worker import prepare, serve

    prepare()
    while True:
        message, files, *_ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                # A Ctrl-C is meant for the run, which ends this process: what arrives here as a
                # KeyboardInterrupt was raised by the subject.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                control.close()
                serve(Connection(files[0]))
            finally:
                os._exit(1)  # without waiting for what a subject has left behind
        with suppress(OSError):  # whoever comes first; it may be gone already
            os.setpgid(pid, pid)
        os.close(files[0])
        control.sendall(_NUMBER.pack(pid))
        control.sendall(_NUMBER.pack(_end_of(pid, control)))


def _end_of(pid: int, control: socket.socket) -> int:
    """Wait for the end of a process; it does not outlive the run that it belongs to."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        readable, _, _ = select.select([control], [], [], _WATCH)
        if readable:  # nothing is asked meanwhile: the other side is gone
            os.killpg(pid, signal.SIGKILL)
            os._exit(0)


if __name__ == "__main__":
    from .profiles import keep_compiled_programs

    keep_compiled_programs()  # before JAX is imported
    fork_on_demand(socket.socket(fileno=int(sys.argv[1])))
