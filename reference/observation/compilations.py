"""Counts the programs that XLA compiles in this process, and frees them when they are too many."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import jax

#: JAX sends this event for every program that it compiles, or loads from its cache on disk.
_COMPILED = "/jax/core/compile/backend_compile_duration"


@functools.cache  # one listener for the life of the process
def _counter() -> list[int]:
    counted = [0]

    def listen(event: str, duration_secs: float, **details: Any) -> None:
        counted[0] += event == _COMPILED

    jax.monitoring.register_event_duration_secs_listener(listen)
    return counted


#: The memory maps of this process, a line each.
_MAPS = Path("/proc/self/maps")
#: Linux allows a process 65,530 of them, and XLA dies of more: a compiled step was seen to hold 40,
#: and 2 MB. With 15,000 a process of this suite has 3 GB.
_MOST = 16_000
#: Compilations between two looks: Linux takes a millisecond to list 1,200 maps.
_EVERY = 50
_next_look = 0


def forget_programs() -> None:
    """Free all compiled programs, if they hold a quarter of the maps that Linux allows."""
    global _next_look
    if compilations() < _next_look:
        return
    _next_look = compilations() + _EVERY
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST:
        jax.clear_caches()
        # glibc keeps what was freed: a process of 890 MB had 870 after this, 310 after the next.
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)


def compilations() -> int:
    """Return how many programs were compiled since the first call of this function."""
    return _counter()[0]
