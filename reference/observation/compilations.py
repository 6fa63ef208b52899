"""Counts the programs that XLA compiles in this process, and frees them when they are too many."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import psutil
from jax._src import pjit
from jax._src.interpreters import pxla

from .shared_programs import forget_structures

#: JAX sends this event for every program that it compiles, or loads from its cache on disk.
_COMPILED = "/jax/core/compile/backend_compile_duration"
#: What comes before, of each program.
_ON_THE_WAY = {
    _COMPILED,
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
}


@dataclass
class _Compiled:
    """What this process has compiled so far."""

    programs: int = 0
    #: From Python to a program: traced, lowered, and compiled or loaded.
    seconds: float = 0.0


@functools.cache  # one listener for the life of the process
def _counter() -> _Compiled:
    compiled = _Compiled()

    def listen(event: str, duration_secs: float, **details: Any) -> None:
        compiled.programs += event == _COMPILED
        if event in _ON_THE_WAY:
            compiled.seconds += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    return compiled


#: Where JAX keeps what it lowered a program to, though the program is compiled by then: an MLIR
#: module in its own context. Of a compiled addition it is 1.15 of 1.37 MB in JAX 0.10.2,
#: 0.85 of 1.35 in 0.8.1, and 0.05 of 0.38 in 0.12.0.1. JAX keeps it for when it compiles the same
#: again, and has no public way to free it alone; a release with other names only takes more memory.
_LOWERED = ((pjit, "_pjit_lower"), (pxla, "_cached_lowering_to_hlo"))
#: The memory maps of this process, a line each.
_MAPS = Path("/proc/self/maps")
#: Linux allows a process 65,530 of them, and XLA dies of more: a compiled step was seen to hold 40.
_MOST = 16_000
#: With so many that cannot be freed a process is to be replaced, while it can still say so.
_CROWDED = 40_000
#: Bytes by which a process may grow: a compiled step of a small convolutional network holds 10 MB,
#: in 40 maps as well.
_GROWTH = 1 << 30
#: Compilations between two looks: Linux takes a millisecond to list 1,200 maps.
_EVERY = 50
_next_look = 0
#: The least bytes that the process held at a look since programs were freed.
_least = 0


class ProcessIsFull(BaseException):
    """Programs hold too many memory maps, and cannot be freed: another process has to go on.

    No `Exception`, which Hypothesis would take for a failure of the law.
    """


def forget_programs() -> None:
    """Free what compiled programs were made of, now and then; and the programs themselves, if they
    hold a quarter of the memory maps that Linux allows, or the process has grown by a gigabyte.

    Raises `ProcessIsFull` where that leaves most of them.
    """
    global _next_look, _least
    if compilations() < _next_look:
        return
    _next_look = compilations() + _EVERY
    _forget_lowered()
    held = psutil.Process().memory_info().rss
    _least = min(_least or held, held)
    if _maps() > _MOST or held - _least > _GROWTH:
        forget_structures()
        jax.clear_caches()
        # glibc keeps what was freed: a process of 890 MB had 870 after this, 310 after the next.
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)
        _least = 0
        if _maps() > _CROWDED:
            raise ProcessIsFull


def _forget_lowered() -> None:
    for module, name in _LOWERED:
        clear = getattr(getattr(module, name, None), "cache_clear", None)
        if clear is not None:
            clear()


def _maps() -> int:
    """Return how many memory maps this process holds; 0 where the system does not tell."""
    return _MAPS.read_bytes().count(b"\n") if _MAPS.exists() else 0


def compilations() -> int:
    """Return how many programs were compiled since the first call of a function of this module."""
    return _counter().programs


def seconds_compiling() -> float:
    """Return the seconds that programs took since the first call of a function of this module."""
    return _counter().seconds
