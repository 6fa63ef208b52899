"""Where failing examples are kept: one part of a database for each law and subject."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis.database import ExampleDatabase


class NamespacedDatabase(ExampleDatabase):
    """One law's and subject's part of a database.

    Hypothesis keys failures by the test function's source and signature: all laws run through one
    function, and would replay one another's failures.
    """

    def __init__(self, database: ExampleDatabase, namespace: str):
        super().__init__()
        self.database = database
        self.namespace = namespace.encode() + b"/"
        #: The keys that were asked for, and whether any held a failure.
        self.asked: set[bytes] = set()
        self.gave = False

    def fetch(self, key: bytes) -> Iterable[bytes]:  # noqa: D102
        self.asked.add(key)
        found = list(self.database.fetch(self.namespace + key))
        self.gave = self.gave or bool(found)
        return found

    def holds(self, keys: Iterable[bytes]) -> bool:
        """Tell whether there is a failure of an earlier run under one of these keys."""
        return any(any(True for _ in self.database.fetch(self.namespace + key)) for key in keys)

    def save(self, key: bytes, value: bytes) -> None:  # noqa: D102
        self.database.save(self.namespace + key, value)

    def delete(self, key: bytes, value: bytes) -> None:  # noqa: D102
        self.database.delete(self.namespace + key, value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:  # noqa: D102
        self.database.move(self.namespace + src, self.namespace + dest, value)
