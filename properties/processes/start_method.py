"""Which way starts processes here: forks of one that has imported JAX, or fresh interpreters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .fork_server import ADDRESS, ForkServer
from .process import ProcessServer
from .spawn_server import SpawnServer

#: Forces one way to start processes, `fork` or `spawn`; else the system decides.
START_METHOD = "FROSTPROOF_START_METHOD"


def process_server() -> ProcessServer:
    """Return what starts processes here; raises a `ValueError` for an unknown way."""
    usual = "fork" if sys.platform == "linux" else "spawn"
    method = os.environ.get(START_METHOD, usual)
    if method == "fork" and hasattr(os, "fork"):
        return ForkServer()
    if method == "spawn":
        return SpawnServer()
    raise ValueError(f"{START_METHOD} must be fork, where there is one, or spawn, got {method!r}")


@contextmanager
def started_ahead() -> Iterator[None]:
    """Have JAX imported for the processes of a run, while this one goes on: where they are forks,
    and the run is not within another, whose server may do.
    """
    server = process_server()
    if isinstance(server, ForkServer) and ADDRESS not in os.environ:
        server.launch()
    try:
        yield
    finally:
        server.close()
