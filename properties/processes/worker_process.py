"""The process in which a user's code runs: loads targets, judges them, and may die of them.

Started by a process server, it answers `worker_client` in JSON over a connection. Standard streams
lead nowhere: what a subject prints, or waits for, is not a part of a verdict.
"""

from __future__ import annotations

import json
import os
import traceback
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from ...reference.subjects.capability import Capability
from ...reference.subjects.targets import UnusableTarget
from ...reference.subjects.user_errors import error_text
from ..engine.call_cache import CallCache
from ..engine.judge import judge, refutation
from ..engine.verdict import OWN_FAILURE, Verdict
from ..laws.book import BY_ID
from ..laws.law import Refutation, SubjectRaised
from ..plan.run_settings import RunSettings
from ..scripts.script import script_of_death
from .device import device_in_use
from .gc_tuning import search_seldom

#: Seconds between two messages of progress.
_PROGRESS = 0.5


def prepare() -> None:
    """Import what all subjects share, once for all processes that are forked after that."""
    from ...reference.observation import gradient_hooks, run, update_hooks
    from ...reference.trials import probe

    # Before a target binds the functions that are observed.
    update_hooks.install()
    gradient_hooks.install()
    del probe, run
    search_seldom()


def serve(connection: Connection) -> None:
    """Answer requests until the other side closes the connection."""
    answers = _Answers(connection)
    loaded = _Loaded()
    memory = CallCache()
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            answers.send(**_answer(request, loaded, memory, answers))
        except UnusableTarget as reason:
            answers.send(unusable=reason.reason)


def _answer(
    request: dict[str, Any], loaded: _Loaded, memory: CallCache, answers: _Answers
) -> dict[str, Any]:
    if request.get("device"):
        try:
            return {"device": device_in_use()}
        except Exception as error:  # of whatever type the plugin of a device likes
            return {"device": f"none that starts ({error_text(error)})"}
    subject = loaded.subject(request)
    if request.get("try"):
        return {"capabilities": sorted(loaded.capabilities(request))}
    if "law" not in request:
        return {
            "kind": subject.kind,
            "capabilities": sorted(subject.declared),
            "promise": sorted(subject.promise),
        }
    law = BY_ID[request["law"]]
    if "death" in request:
        problems, target, reason = request["problems"], request["target"], request["death"]
        return {"script": script_of_death(law, subject, problems, target, reason)}
    if "problems" in request:
        try:
            return {"refutation": refutation(law, subject, request["problems"])}
        except Exception as error:  # whatever it is that a report of others makes of a problem
            return {"unreadable": error_text(error)}
    progress = _Progress(answers)
    settings = RunSettings(**request["settings"])
    told = progress, progress.begins, progress.fails
    effort = settings.effort(request["target"], *told, reported=request["reported"])
    from ...reference.observation.compilations import ProcessIsFull

    try:
        verdict = judge(law, subject, effort, memory, request["target"])
    except ProcessIsFull:
        return {"full": True}
    except Exception:  # our own fault, and no reason to lose the other verdicts
        verdict = Verdict("error", 0, f"{OWN_FAILURE}: {traceback.format_exc()}")
    return {"verdict": asdict(verdict)}


class _Loaded:
    """The subjects of this process by target and kind."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[str, str | None], Any] = {}

    def subject(self, request: dict[str, Any]) -> Any:
        """Return a subject, loaded at first; raises `UnusableTarget`."""
        from ...reference.subjects.loading import load

        target = request["target"], request["kind"]
        if target not in self._subjects:
            self._subjects[target] = load(*target)
        return self._subjects[target]

    def capabilities(self, request: dict[str, Any]) -> frozenset[Capability]:
        """Return what a subject can do, found out by trial; raises `UnusableTarget`."""
        from ...reference.subjects.signatures import UnusableSubject
        from ...reference.trials.probe import capabilities_of

        try:
            return capabilities_of(self.subject(request))
        except UnusableSubject as reason:
            raise UnusableTarget(request["target"], str(reason)) from None


class _Answers:
    """Sends messages from this process: a fork that a subject made has nothing to say."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._process = os.getpid()

    def send(self, **message: Any) -> None:
        if os.getpid() != self._process:
            os._exit(0)
        self._connection.send_bytes(json.dumps(message).encode())


class _Progress:
    """Sends the number of judged examples, now and then, and each problem before it is run."""

    def __init__(self, answers: _Answers):
        self.answers = answers
        self.last = (
            -_PROGRESS
        )  # the first one is told at once: that there was any makes a difference

    def begins(self, problems: tuple[Any, ...]) -> None:
        """Leave word of what the process may die of."""
        with suppress(TypeError, ValueError):  # a batch of a user's own may hold what JSON has not
            self.answers.send(begun=[problem.record() for problem in problems])

    def fails(self, found: Refutation, problems: tuple[Any, ...]) -> None:
        """Leave word of what is found already."""
        with suppress(TypeError, ValueError):
            records = [problem.record() for problem in problems]
            outcome = "error" if isinstance(found, SubjectRaised) else "refuted"
            self.answers.send(failed=[outcome, str(found), records])

    def __call__(self, examples: int) -> None:
        if monotonic() - self.last > _PROGRESS:
            self.last = monotonic()
            self.answers.send(progress=examples)
