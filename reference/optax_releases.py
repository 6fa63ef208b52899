"""Which rows of the optimizer catalogue the installed Optax is too old for."""

from __future__ import annotations

from importlib.metadata import version

from packaging.version import Version

#: The first release with a row, where that is later than the oldest supported one (0.2.6).
SINCE = {"galore": "0.2.7", "madgrad": "0.2.7", "signum": "0.2.7"}


def too_new(name: str) -> str:
    """Say that a row came after the installed Optax; empty where it is there."""
    since = SINCE.get(name, "0")
    return f"Optax has it since {since}" if Version(version("optax")) < Version(since) else ""
