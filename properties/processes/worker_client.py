"""Runs targets in their own processes, which are watched: by the clock, and by their memory."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from time import monotonic
from typing import Any

import psutil

from ...reference.subjects.targets import ALIASES, UnusableTarget, canonical
from ..engine.clock import own_time
from ..engine.verdict import Counterexample, Verdict
from ..plan.run_settings import RunSettings
from .process import Process
from .start_method import process_server

#: Seconds between two looks at a process that does not answer.
_WATCH = 0.1


class WorkerDied(Exception):
    """The process ended, or was ended, in the middle of a request: after so many examples.

    `problems` are those of the example that it was about, if one had begun.
    """

    def __init__(self, reason: str, examples: int, problems: list[dict[str, Any]], seconds: float):
        super().__init__(reason)
        self.examples = examples
        self.problems = problems
        #: The last failure that had been found: outcome, message and problems.
        self.failed: tuple[Any, str, list[dict[str, Any]]] | None = None
        self.seconds = round(seconds, 3)


class Unreadable(ValueError):
    """Recorded problems do not fit this target."""


class Worker:
    """Loads and judges targets, each in its own process, which is replaced if it dies."""

    def __init__(self, timeout: float):
        self.timeout = timeout
        self._processes = process_server()
        self._process: Process | None = None
        self._target = ""

    def load(self, target: str, kind: str | None) -> dict[str, Any]:
        """Load a target and return its kind, what it can do and what it promises.

        What a trainer can do is found out by trying it; where that takes the process down, laws
        will say so, and it can do what its keywords say. Raises `UnusableTarget` with a line that
        says why.
        """
        request = {"target": target, "kind": kind}
        try:
            answer = self._ask(request, lambda examples: None)
        except WorkerDied as death:
            raise UnusableTarget(target, f"importing it: {death}") from None
        if "unusable" not in answer:
            with suppress(WorkerDied):
                answer |= self._ask(request | {"try": True}, lambda examples: None)
        if "unusable" in answer:
            raise UnusableTarget(target, answer["unusable"])
        return answer

    def device(self) -> str:
        """Return which device a process of this run computes on, in words."""
        # That of the target loaded last, if there is one: another would start JAX once more.
        request = {"target": self._target, "kind": None, "device": True}
        try:
            found: str = self._ask(request, lambda examples: None)["device"]
        except WorkerDied as death:
            return f"none that starts ({death})"
        return found

    def judge(
        self,
        target: str,
        kind: str | None,
        law: str,
        settings: RunSettings,
        progress: Callable[[int], None],
        *,
        reported: bool = True,
    ) -> Verdict:
        """Return a law's verdict on a target; raises `WorkerDied` where it dies or hangs.

        `reported` tells whether another law of the run reports a target that gives no answer.
        """
        request: dict[str, Any] = {"target": target, "kind": kind, "law": law}
        request |= {"settings": asdict(settings), "reported": reported}
        answer = self._ask(request, progress)
        if "full" in answer:  # of what it compiled for other laws, as like as not
            self.rest()
            answer = self._ask(request, progress)
        if "full" in answer:
            reason = "the programs of its examples need more memory maps than a process may hold"
            return Verdict("not-run", 0, reason=reason)
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

        Raises `Unreadable` for malformed problems, and for those of another kind of subject.
        """
        request = {"target": target, "kind": kind, "law": law, "problems": problems}
        try:
            answer = self._ask(request, lambda examples: None)
        except WorkerDied as death:
            return str(death)
        if "unreadable" in answer:
            raise Unreadable(answer["unreadable"])
        return answer.get("unusable", answer.get("refutation"))

    def script(self, target: str, kind: str | None, law: str, death: WorkerDied) -> str | None:
        """Return the script of what a process died of; None where nothing is known of it."""
        if not death.problems:
            return None
        request = {"target": target, "kind": kind, "law": law, "problems": death.problems}
        with suppress(WorkerDied):
            answer = self._ask(request | {"death": str(death)}, lambda examples: None)
            return answer.get("script")
        return None

    def rest(self) -> None:
        """End the process of a target, which may hold a GPU that others want."""
        if self._process is not None:
            self._processes.end(self._process)
        self._process = None

    def kill(self) -> None:
        """Kill the process of a target, from another thread than the one that waits for it."""
        if (process := self._process) is not None:
            with suppress(psutil.Error):
                psutil.Process(process.pid).kill()

    def close(self) -> None:
        """End all processes."""
        self.rest()
        self._processes.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], progress: Callable[[int], None]) -> dict[str, Any]:
        process = self._process_for(request["target"])
        examples, problems, failed, asked = 0, [], None, monotonic()
        heard = own_time(process.pid)
        reason = f"no answer within {self.timeout:g} s (--timeout)"
        try:
            process.connection.send_bytes(json.dumps(request).encode())
            # Since it last said something: how long a law may take it knows itself, and what never
            # comes back from one example says nothing any more.
            while (left := heard + self.timeout - own_time(process.pid)) > 0:
                if process.connection.poll(min(left, _WATCH)):
                    answer = json.loads(process.connection.recv_bytes())
                    heard = own_time(process.pid)
                    if "begun" in answer:
                        problems = answer["begun"]
                    elif "failed" in answer:
                        failed = answer["failed"]
                    elif "progress" in answer:
                        examples = answer["progress"]
                        progress(examples)
                    else:
                        return answer
                elif _held(process) > (most := _memory_limit()):
                    held = f"more than {most / 2**30:.1f} GiB of memory"
                    reason = f"the process was ended when it held {held}"
                    break
        except (EOFError, OSError, ValueError):
            reason = _epitaph(self._processes.wait(process))
        self.rest()
        death = WorkerDied(reason, examples, problems, monotonic() - asked)
        death.failed = failed
        raise death

    def _process_for(self, target: str) -> Process:
        # Our own references leave a process as it was, and share what they have compiled.
        ours = {canonical(target), canonical(self._target)} <= ALIASES.keys()
        if target != self._target and not ours:
            self.rest()
        if self._process is None:
            self._process = self._processes.start()
        self._target = target
        return self._process


def _held(process: Process) -> int:
    """Bytes of memory that a process holds."""
    with suppress(psutil.Error):
        held: int = psutil.Process(process.pid).memory_info().rss
        return held
    return 0


def _memory_limit() -> int:
    """Bytes that a process may hold: `ulimit -m`, or a quarter of the machine's memory.

    Limits on the address space, which a system would enforce by itself, say nothing here: XLA
    reserves far more than it ever uses.
    """
    quarter: int = psutil.virtual_memory().total // 4
    try:
        import resource
    except ImportError:  # Windows
        return quarter
    soft, _ = resource.getrlimit(resource.RLIMIT_RSS)
    return quarter if soft == resource.RLIM_INFINITY else soft


def _epitaph(status: int | None) -> str:
    if status is None:
        return "the process closed its connection to frostproof, or wrote into it, and was ended"
    if status >= 0:
        return f"the process ended itself with exit status {status}"
    name = next((each.name for each in signal.Signals if each == -status), f"signal {-status}")
    return f"the process was killed by {name}"
