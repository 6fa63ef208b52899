"""Counts what XLA compiles in this process."""

from __future__ import annotations

import functools
from typing import Any

import jax

#: JAX sends it for every program that it compiles, or loads from its cache on disk.
_COMPILED = "/jax/core/compile/backend_compile_duration"


@functools.cache  # one listener for the life of the process
def _counter() -> list[int]:
    counted = [0]

    def listen(event: str, duration_secs: float, **details: Any) -> None:
        counted[0] += event == _COMPILED

    jax.monitoring.register_event_duration_secs_listener(listen)
    return counted


def compilations() -> int:
    """Return how many programs were compiled since this was first asked."""
    return _counter()[0]
