"""Tells which rows of the optimizer catalogue are newer than the installed Optax."""

from __future__ import annotations

import functools
from importlib.metadata import version

from packaging.version import Version

#: The first release with a row, where that is later than the oldest supported one (0.2.6).
SINCE = {"galore": "0.2.7", "madgrad": "0.2.7", "signum": "0.2.7"}


@functools.cache  # Python parses all of a package's metadata for it
def _installed() -> Version:
    return Version(version("optax"))


def too_new(name: str) -> str:
    """Say that a row is newer than the installed Optax; empty where Optax has it."""
    since = SINCE.get(name, "0")
    return f"Optax has it since {since}" if _installed() < Version(since) else ""
