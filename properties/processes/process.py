"""A process of frostproof's own, in which a user's code runs; whoever starts it, it is the same."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

#: Forces one way to start processes, `fork` or `spawn`; else the system decides.
START_METHOD = "FROSTPROOF_START_METHOD"
#: Seconds that a process may take to be gone, once its connection is closed or it is killed.
MOMENT = 2.0


@dataclass
class Process:
    """A process that answers on a connection; it leads a process group of its own number."""

    pid: int
    connection: Connection
    #: How it ended: its exit status, or minus the signal that killed it.
    status: int | None = None


class ProcessServer(Protocol):
    """Starts processes, one at a time, and ends them with all that they have started."""

    def start(self) -> Process:
        """Return a fresh process."""

    def wait(self, process: Process) -> int | None:
        """Return how a process ended, or None if it has not within a moment."""

    def end(self, process: Process) -> None:
        """Kill a process, and what it has started."""

    def close(self) -> None:
        """End what starts them."""


def process_server() -> ProcessServer:
    """Return what starts processes here; raises a `ValueError` for a way that is none."""
    usual = "fork" if sys.platform == "linux" else "spawn"
    method = os.environ.get(START_METHOD, usual)
    if method == "fork" and hasattr(os, "fork"):
        from .fork_server import ForkServer

        return ForkServer()
    if method == "spawn":
        from .spawn_server import SpawnServer

        return SpawnServer()
    raise ValueError(f"{START_METHOD} must be fork, where there is one, or spawn, got {method!r}")


def limit_messages(connection: Connection) -> None:
    """Have an end to a message that a subject began to write by itself, where a socket has one."""
    if sys.platform != "win32":
        with socket.socket(fileno=os.dup(connection.fileno())) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 2, 0))
