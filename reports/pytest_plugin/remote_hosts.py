"""pytest-xdist over ssh: what a host that dies was still to judge is judged on another.

xdist would start the replacement of a lost worker where the worker was, and end the whole run where
that host is gone. So the replacement of a worker on another host gets the place of a worker that
lives, or, where none does, starts on this machine.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest


class RemoteHosts:
    """Hooks of xdist where the run is controlled: knows which workers live, and where."""

    def __init__(self) -> None:
        self._alive: dict[str, Any] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Know of a worker that has started."""
        self._alive[node.gateway.id] = node.gateway.spec

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Give the place of one that lives to the replacement of one that was lost."""
        self._alive.pop(node.gateway.id, None)
        if error is None or node.gateway.spec.popen:
            return
        from execnet import XSpec

        # The least used: several hosts take over what one has left.
        places = [str(spec) for spec in self._alive.values()] or ["popen"]
        node.gateway.spec = XSpec(min(places, key=lambda place: (places.count(place), place)))


def joined(arguments: tuple[str, ...], options: frozenset[str]) -> tuple[str, ...]:
    """Write `--report DIR` as `--report=DIR`, likewise for others that have a value.

    xdist takes a value that is a folder here for a path to collect, which it does not find there.
    """
    values = {
        number + 1 for number, (option, _) in enumerate(pairwise(arguments)) if option in options
    }
    return tuple(
        f"{argument}={arguments[number + 1]}" if number + 1 in values else argument
        for number, argument in enumerate(arguments)
        if number not in values
    )
