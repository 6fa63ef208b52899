"""Runs targets in a process of their own, which is watched by the clock and replaced if it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from typing import Any

from ..reference.target import UnusableTarget
from .terms import Terms
from .verdict import Counterexample, Verdict


class WorkerDied(Exception):
    """The process ended, or was ended after its time, in the middle of a request."""


class Unreadable(ValueError):
    """Recorded problems are none for this target."""


class Worker:
    """A process that loads and judges targets; a new one is started when it has died."""

    def __init__(self, timeout: float):
        self.timeout = timeout
        self._folder = os.getcwd()  # targets are named from here, wherever a test goes since
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def load(self, target: str, kind: str | None) -> dict[str, Any]:
        """Load a target and return its kind, what it can do and what it promises.

        Raises `UnusableTarget` with a line that says why.
        """
        try:
            answer = self._ask({"target": target, "kind": kind}, lambda examples: None)
        except WorkerDied as death:
            raise UnusableTarget(target, f"importing it: {death}") from None
        if "unusable" in answer:
            raise UnusableTarget(target, answer["unusable"])
        return answer

    def judge(
        self,
        target: str,
        kind: str | None,
        law: str,
        terms: Terms,
        progress: Callable[[int], None],
    ) -> Verdict:
        """Return a law's verdict on a target; that of a process which dies or hangs is `error`."""
        started = time.monotonic()
        request = {"target": target, "kind": kind, "law": law, "terms": asdict(terms)}
        try:
            answer = self._ask(request, progress)
        except WorkerDied as death:
            seconds = round(time.monotonic() - started, 3)
            return Verdict("error", self._examples, reason=str(death), seconds=seconds)
        if "unusable" in answer:  # it could be loaded once, and cannot any more
            return Verdict("error", 0, reason=answer["unusable"])
        fields = answer["verdict"]
        if fields["counterexample"]:
            fields["counterexample"] = Counterexample(**fields["counterexample"])
        return Verdict(**fields)

    def replay(
        self, target: str, kind: str | None, law: str, problems: list[dict[str, Any]]
    ) -> str | None:
        """Judge a target on recorded problems; returns what is wrong, or None if nothing is.

        Raises `Unreadable` for problems that are none, or of another kind of subject.
        """
        request = {"target": target, "kind": kind, "law": law, "problems": problems}
        try:
            answer = self._ask(request, lambda examples: None)
        except WorkerDied as death:
            return str(death)
        if "unreadable" in answer:
            raise Unreadable(answer["unreadable"])
        return answer.get("unusable", answer.get("refutation"))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], progress: Callable[[int], None]) -> dict[str, Any]:
        if self._connection is None:
            self._start()
        assert self._connection is not None
        self._examples = 0
        deadline = time.monotonic() + self.timeout
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                answer = json.loads(self._connection.recv_bytes())
                if "progress" not in answer:
                    return answer
                self._examples = answer["progress"]
                progress(self._examples)
        except (EOFError, OSError):
            raise WorkerDied(self._epitaph()) from None
        self.close()
        raise WorkerDied(f"no answer within {self.timeout:g} s (--timeout)")

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "frostproof.properties.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _epitaph(self) -> str:
        assert self._process is not None
        status = self._process.wait()
        self.close()
        if status < 0:
            return f"the process was killed by {signal.Signals(-status).name}"
        return f"the process ended itself with exit status {status}"
