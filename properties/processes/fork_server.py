"""Fresh processes in milliseconds: forks of one that has imported JAX, and has run nothing yet.

What a subject does to its process (settings of JAX, patched modules, threads, open files) ends with
it. Until it is first used JAX holds no threads and no devices, so that a fork is whole.

JAX is imported once for all processes of a run: the first of them that needs one launches the
server, which forks itself for each client, and that fork forks the processes of the client.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from .process import MOMENT, Process, limit_messages

#: Tells the processes that a run starts where its server is: the address of a socket.
ADDRESS = "FROSTPROOF_FORK_SERVER"
_SOCKET = "server"
#: Variables that differ between the processes of one run: xdist numbers its workers, and readline,
#: which pytest imports, tells what it starts of its terminal.
_OF_ONE_PROCESS = re.compile(f"{ADDRESS}|PYTEST_.*|LINES|COLUMNS")
_NUMBER = struct.Struct("!i")
#: Seconds between two looks at whether a process, or the run, has ended.
_WATCH = 0.05


class ForkServer:
    """Starts processes, one at a time, and ends them with all that they have started."""

    def __init__(self) -> None:
        self._folder = os.getcwd()  # targets are named from here, wherever a test goes since
        self._control: socket.socket | None = None
        #: The server and the folder of its socket, if this process has launched it.
        self._launched: tuple[subprocess.Popen[bytes], Path] | None = None
        #: The address of a server with other surroundings, which this process was told before.
        self._told: str | None = None

    def launch(self) -> None:
        """Launch a server for this run, without waiting until it has imported JAX."""
        self.close()
        # Not in TMPDIR: the address of a socket may have some hundred characters, and no more.
        folder = Path(tempfile.mkdtemp(prefix="frostproof-", dir="/tmp"))
        self._told = os.environ.get(ADDRESS)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(folder / _SOCKET))
            door.listen()
            told = (str(door.fileno()), str(os.getpid()), _surroundings(self._folder))
            server = subprocess.Popen(
                [sys.executable, "-m", __name__, *told],
                pass_fds=[door.fileno()],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._launched = server, folder
        os.environ[ADDRESS] = str(folder / _SOCKET)

    def start(self) -> Process:
        """Return a fresh process; the first one of a run takes the seconds of importing JAX."""
        ours, theirs = Pipe()
        limit_messages(ours)
        with theirs:
            # Twice: what a subject has left behind may have killed the process that forks.
            pid = self._fork(theirs) or self._fork(theirs)
        if pid is None:
            raise RuntimeError("frostproof's own process does not start: it needs JAX, and /tmp")
        return Process(pid, ours)

    def wait(self, process: Process) -> int | None:
        """Return how a process ended, or None if it has not within a moment."""
        if process.status is None:
            process.status = self._read(MOMENT)
        return process.status

    def end(self, process: Process) -> None:
        """Kill a process, and what it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.connection.close()
        if self.wait(process) is None:  # also where a subject has killed the process that forks
            self._leave()

    def close(self) -> None:
        """End the process that forks, and the server if it was launched here."""
        self._leave()
        if self._launched is not None:
            server, folder = self._launched
            server.kill()
            server.wait()
            shutil.rmtree(folder, ignore_errors=True)
            if os.environ.get(ADDRESS) == str(folder / _SOCKET):
                del os.environ[ADDRESS]
                if self._told is not None:
                    os.environ[ADDRESS] = self._told
        self._launched = None

    def _leave(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control = None

    def _fork(self, theirs: Connection) -> int | None:
        with suppress(OSError):
            self._control = self._control or self._connect() or self._connect_to_own()
            socket.send_fds(self._control, [b"f"], [theirs.fileno()])
            if (pid := self._read(None)) is not None:
                return pid
        self._leave()
        return None

    def _connect(self) -> socket.socket | None:
        """Connect to the server of the run, if there is one, and it has the same surroundings."""
        control = socket.socket(socket.AF_UNIX)
        with suppress(KeyError, OSError):
            control.connect(os.environ[ADDRESS])
            control.sendall(
                json.dumps([_surroundings(self._folder), self._folder]).encode() + b"\n"
            )
            if control.recv(1):
                return control
        control.close()
        return None

    def _connect_to_own(self) -> socket.socket:
        self.launch()
        if (control := self._connect()) is None:
            raise ConnectionError
        return control

    def _read(self, seconds: float | None) -> int | None:
        """Return the next number from the process that forks, None if none comes."""
        if self._control is None:
            return None
        self._control.settimeout(seconds)
        try:
            message = self._control.recv(_NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            return None
        return _NUMBER.unpack(message)[0] if len(message) == _NUMBER.size else None


def _surroundings(folder: str) -> str:
    """Return a digest of what a server takes over from the process that launches it.

    In another environment JAX may have other settings, or be another one: that of a program under
    test which runs pytest itself, or of a worker that has its own GPU. So may modules be
    others in another folder, where `PYTHONPATH` names some from there.
    """
    environment = {
        name: value for name, value in os.environ.items() if not _OF_ONE_PROCESS.fullmatch(name)
    }
    paths = environment.get("PYTHONPATH") or "/"
    here = None if all(map(os.path.isabs, paths.split(os.pathsep))) else folder
    described = repr((sys.executable, __file__, sorted(environment.items()), here))
    return hashlib.sha256(described.encode()).hexdigest()


def receive(door: socket.socket, owner: int, surroundings: str) -> None:
    """Fork a process that forks, for each client with the same surroundings, as long as the process
    lives that launched the server.
    """
    # Here: a process that launches a server does not wait for these imports.
    from ..plan.compiled_programs import keep_compiled_programs

    keep_compiled_programs()  # before JAX is imported
    from .worker_process import prepare

    prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the ends of those
    while os.getppid() == owner:
        readable, _, _ = select.select([door], [], [], _WATCH)
        if readable:
            control, _ = door.accept()
            with control:
                if os.fork() == 0:
                    try:
                        door.close()
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        with control.makefile() as asked:
                            theirs, folder = json.loads(asked.readline())
                        if theirs == surroundings:
                            _move_to(folder)
                            control.sendall(b"w")
                            fork_on_demand(control)
                    finally:
                        os._exit(0)
    shutil.rmtree(Path(door.getsockname()).parent, ignore_errors=True)


def _move_to(folder: str) -> None:
    """Go to the folder of who comes, from where modules are imported, too."""
    if sys.path[0] == os.getcwd():  # it is not with PYTHONSAFEPATH
        sys.path[0] = folder
    os.chdir(folder)


def fork_on_demand(control: socket.socket) -> None:
    """Fork a process for each connection that is handed over, and tell its number and its end."""
    from .worker_process import serve

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
    receive(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3])
