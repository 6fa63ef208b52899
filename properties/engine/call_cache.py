"""Remembers which problems were drawn and what subjects did, so that laws share both."""

from __future__ import annotations

from typing import Any, NamedTuple

from .databases.namespaced import NamespacedDatabase
from .numpy_guard import SharedNumPy
from .tally import SILENT

#: Strategies that are remembered, of a hundred problems or up to a thousand each.
_MOST = 16
#: Bytes of the arrays that are remembered, of the problems and of the calls each. A reference
#: trainer needs a tenth; a million parameters that train by Adam take 16 MB a step.
_BYTES = 1 << 28


class _Drawn(NamedTuple):
    problems: list[tuple[Any, ...]]
    #: Under what Hypothesis looked for earlier failures.
    keys: frozenset[bytes]
    #: Of the arrays that they hold.
    nbytes: int


class DrawnProblems:
    """A bounded memory of what was drawn; the oldest is forgotten first.

    Hypothesis draws the same from one strategy by one seed, as long as nothing fails. What fails it
    has to draw itself, to make it smaller.
    """

    def __init__(self) -> None:
        self._known: dict[Any, _Drawn] = {}
        self._bytes = 0

    def of(self, key: Any, database: NamespacedDatabase | None) -> list[tuple[Any, ...]] | None:
        """Return the problems that Hypothesis would draw; None where nobody knows.

        Failures that a database holds come first, and nobody else was given those.
        """
        known = self._known.get(key)
        if known is None or (database is not None and database.holds(known.keys)):
            return None
        return known.problems

    def remember(
        self, key: Any, problems: list[tuple[Any, ...]], database: NamespacedDatabase | None
    ) -> None:
        """Remember what was drawn, unless a database gave failures of earlier runs."""
        if database is not None and database.gave:
            return
        size = sum(getattr(each, "nbytes", 0) for drawn in problems for each in drawn)
        while self._known and (len(self._known) >= _MOST or self._bytes + size > _BYTES):
            self._bytes -= self._known.pop(next(iter(self._known))).nbytes
        self._bytes += size
        keys = frozenset() if database is None else frozenset(database.asked)
        self._known[key] = _Drawn(problems, keys, size)


#: A remembered call of an exercise is some 2 KB, that of a reference trainer 50 KB.
CAPACITY = 4096


class CallCache:
    """A bounded memory of one subject's calls; the oldest are forgotten first.

    To be made before a subject is loaded: it also knows NumPy as it was then.
    """

    def __init__(self) -> None:
        self._subject: Any = None
        self._calls: dict[tuple[Any, ...], Any] = {}
        self._bytes = 0
        self._numpy = SharedNumPy()
        #: Which problems were drawn, for laws that draw the same.
        self.drawn = DrawnProblems()
        #: The problems on which the subject raised, as long as it gave no answer to any.
        self._unanswered: set[Any] | None = set()

    def turn_to(self, subject: Any) -> None:
        """Forget all about another subject: a process judges one after the other."""
        if subject is not self._subject:
            self._subject, self.drawn, self._unanswered = subject, DrawnProblems(), set()
            self._calls.clear()
            self._bytes = 0

    @property
    def silent(self) -> bool:
        """Whether the subject raised on so many problems, and answered none, that no law tries as
        many by itself.
        """
        return self._unanswered is not None and len(self._unanswered) >= SILENT

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
        from ...reference.observation.run import run  # here, since it needs JAX

        key = _key(subject, problem, watched, predicted)
        if not fresh and key in self._calls:
            return self._calls[key]
        call = run(subject, problem, watched=watched, shared=shared, predicted=predicted)
        if (tampered := self._numpy.restore()) is not None:
            call.raised = tampered
        if getattr(call, "raised", None) is None or bool(getattr(call, "steps", ())):
            self._unanswered = None
        elif self._unanswered is not None:
            self._unanswered.add(problem)
        if not fresh:
            size = _size(call)
            while self._calls and (len(self._calls) >= CAPACITY or self._bytes + size > _BYTES):
                self._bytes -= _size(self._calls.pop(next(iter(self._calls))))
            self._calls[key] = call
            self._bytes += size
        return call


def _size(call: Any) -> int:
    """Return the bytes of the arrays that a call holds; those of an exercise are a few."""
    return getattr(call, "nbytes", 0)


def _key(subject: Any, problem: Any, watched: bool, predicted: bool) -> tuple[Any, ...]:
    return id(subject), problem, watched, predicted
