"""A process of frostproof's own, in which a user's code runs; whoever starts it, it is the same."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

#: Seconds that a process may take to be gone, once its connection is closed or it is killed.
MOMENT = 2.0


@dataclass
class Process:
    """A process that answers on a connection; it leads the process group of its number."""

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


def limit_messages(connection: Connection) -> None:
    """Have an end to a message that a subject began to write by itself, where a socket has one."""
    if sys.platform != "win32":
        with socket.socket(fileno=os.dup(connection.fileno())) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 2, 0))
