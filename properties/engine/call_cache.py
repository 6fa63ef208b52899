"""Remembers what subjects did, so that laws about the same problems share the calls."""

from __future__ import annotations

from typing import Any

from ...reference.observation.run import run
from .drawn_problems import DrawnProblems
from .numpy_guard import SharedNumPy

#: A remembered call of an exercise is some 2 KB, that of a trainer 11 KB: 45 MB at most.
CAPACITY = 4096


class CallCache:
    """A bounded memory of calls; the oldest are forgotten first.

    To be made before a subject is loaded: it also knows NumPy as it was then.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[Any, ...], Any] = {}
        self._numpy = SharedNumPy()
        #: Which problems were drawn, for laws that draw the same.
        self.drawn = DrawnProblems()

    def knows(self, subject: Any, problem: Any) -> bool:
        """Tell whether a run with predictions is remembered of an unwatched subject."""
        return _key(subject, problem, watched=False, predicted=True) in self._calls

    def run(
        self,
        subject: Any,
        problem: Any,
        *,
        watched: bool,
        fresh: bool = False,
        shared: bool = True,
        predicted: bool = True,
    ) -> Any:
        """Return what the subject did with the problem, running it unless that is remembered.

        What is `fresh` is run, and not remembered; unless told otherwise it may share a program
        with others (see `shared_programs`). `predicted` asks for the predictions of a trainer. A
        call that patched NumPy counts as one that raised.
        """
        key = _key(subject, problem, watched, predicted)
        if not fresh and key in self._calls:
            return self._calls[key]
        call = run(subject, problem, watched=watched, shared=shared, predicted=predicted)
        if (tampered := self._numpy.restore()) is not None:
            call.raised = tampered
        if not fresh:
            if len(self._calls) >= CAPACITY:
                del self._calls[next(iter(self._calls))]
            self._calls[key] = call
        return call


def _key(subject: Any, problem: Any, watched: bool, predicted: bool) -> tuple[Any, ...]:
    return id(subject), problem, watched, predicted
