"""The process in which a user's code runs: loads targets, judges them, and may die of them.

Started by `isolation`, which it answers in JSON over a pipe. Standard streams lead nowhere:
what a subject prints, or waits for, is no part of a verdict.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from .book import BY_ID
from .engine import judge, refutation
from .memory import Memory
from .profiles import keep_compiled_programs
from .terms import Terms
from .verdict import Verdict

#: Seconds between two messages of progress.
_PROGRESS = 0.5


def serve(connection: Connection) -> None:
    """Answer requests until the other side closes the connection."""
    from ..reference import watching

    watching.install()  # before a target binds the functions that the x-ray observes
    from ..reference.contract import UnusableSubject
    from ..reference.loading import load
    from ..reference.target import UnusableTarget
    from ..strategies.probing import able

    subjects: dict[tuple[str, str | None], Any] = {}
    abilities: dict[tuple[str, str | None], frozenset[str]] = {}
    memory = Memory()
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        target = request["target"], request["kind"]
        try:
            if target not in subjects:
                subjects[target] = load(*target)
                abilities[target] = able(subjects[target])
        except UnusableTarget as reason:
            _send(connection, unusable=reason.reason)
            continue
        except UnusableSubject as reason:
            del subjects[target]
            _send(connection, unusable=str(reason))
            continue
        subject = subjects[target]
        if "law" not in request:
            able_to, promise = sorted(abilities[target]), sorted(subject.promise)
            _send(connection, kind=subject.kind, abilities=able_to, promise=promise)
            continue
        law = BY_ID[request["law"]]
        if "problems" in request:
            try:
                _send(connection, refutation=refutation(law, subject, request["problems"]))
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                _send(connection, unreadable=str(error))
            continue
        reference = "reference" in abilities[target]
        effort = Terms(**request["terms"]).effort(_Progress(connection), reference=reference)
        try:
            verdict = judge(law, subject, effort, memory, request["target"])
        except Exception:  # our own fault, and no reason to lose the other verdicts
            verdict = Verdict("error", 0, f"frostproof itself failed: {traceback.format_exc()}")
        _send(connection, verdict=asdict(verdict))


class _Progress:
    """Sends the number of judged examples, now and then."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.last = time.monotonic()

    def __call__(self, examples: int) -> None:
        if time.monotonic() - self.last > _PROGRESS:
            self.last = time.monotonic()
            _send(self.connection, progress=examples)


def _send(connection: Connection, **message: Any) -> None:
    connection.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    keep_compiled_programs()
    serve(Connection(int(sys.argv[1])))
