"""The protocol of problems: values that JSON can hold, which are drawn, run and recorded."""

from __future__ import annotations

from typing import Any, Protocol


class Problem(Protocol):
    """The input of a subject in one example: an immutable, hashable value."""

    def record(self) -> dict[str, Any]:
        """Return the problem as a record for JSON."""
