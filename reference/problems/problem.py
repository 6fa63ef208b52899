"""What all problems share: values that JSON can hold, which are drawn, run and recorded."""

from __future__ import annotations

from typing import Any, Protocol


class Problem(Protocol):
    """What a subject is given in one example: an immutable, hashable value."""

    def record(self) -> dict[str, Any]:
        """Return the problem as JSON has words for it."""
