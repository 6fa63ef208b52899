"""Several processes judge side by side; a thread of this one waits for each."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from threading import Thread

import psutil

from ...properties.engine.verdict import Verdict
from ...properties.plan.checks import Check
from ...properties.plan.grouping import groups
from ...properties.processes.judging import Judging
from ..results.row import Row

Progress = Callable[[Check, int], None]


#: Bytes that a process may come to hold: 1.5 GiB were seen of one that judged half of the
#: references; what a trainer holds by itself comes on top.
_HELD = 2 * 2**30


def fitting_processes() -> int:
    """Return how many processes there are processors for, and memory, which is at least one."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, min(processors, psutil.virtual_memory().available // _HELD))


def judge_in_parallel(
    first: Judging, checks: Sequence[Check], processes: int, progress: Progress
) -> Generator[tuple[Check, Verdict]]:
    """Judge checks of subjects given by name; yield each with its verdict as it is reached.

    The process of the first has tried the subject that was loaded last, and goes on with it.
    Whoever stops asking ends the processes.
    """
    waiting = deque(groups(checks, processes))
    with ExitStack() as others:
        judgings = [first]
        while len(judgings) < min(processes, len(waiting)):
            judgings.append(others.enter_context(Judging(first.settings, first.dead)))
        tellers = [_Teller(each, waiting) for each in judgings]
        told = _Told()
        threads = [Thread(target=each.tell, args=(told,), daemon=True) for each in tellers]
        try:
            for thread in threads:
                thread.start()
            yield from _verdicts(told, len(threads), progress)
        finally:
            for teller in tellers:
                teller.stop()
            for thread in threads:
                thread.join()


#: How far a check has come, its verdict, or what ended a thread: None where nothing is left.
_Told = SimpleQueue[tuple[Check, int | Verdict] | BaseException | None]


def _verdicts(told: _Told, threads: int, progress: Progress) -> Iterator[tuple[Check, Verdict]]:
    while threads:
        match told.get():
            case None:
                threads -= 1
            case BaseException() as error:
                raise error
            case (check, int(examples)):
                progress(check, examples)
            case (check, Verdict() as verdict):
                yield check, verdict


class _Teller:
    """Has a process judge one group of checks after the other, and tells what it hears."""

    def __init__(self, judging: Judging, waiting: deque[list[Check]]):
        self._judging = judging
        self._waiting = waiting
        self._stopped = False

    def tell(self, told: _Told) -> None:
        """Judge until nothing is left, or `stop`; runs in its own thread."""
        try:
            for check in self._checks():

                def progress(examples: int, check: Check = check) -> None:
                    told.put((check, examples))

                told.put((check, self._judging(check, progress)))
            self._judging.rest()
            told.put(None)
        except BaseException as error:
            told.put(error)

    def stop(self) -> None:
        """Begin no check any more, and kill the process that is at one."""
        self._stopped = True
        self._judging.kill()

    def _checks(self) -> Iterator[Check]:
        while self._waiting and not self._stopped:
            try:
                group = self._waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            for check in group:
                if self._stopped:
                    return
                yield check


class InOrder:
    """Passes rows on subject by subject.

    Rows of one subject go on as they come. Rows of another one, which another process judges
    meanwhile, wait until that subject is done.
    """

    def __init__(self, checks: Sequence[Check], pass_on: Callable[[Row], None]):
        self._pass_on = pass_on
        #: The number of rows of each subject that are still to come, and the rows that wait.
        self._expected = Counter(each.subject_name for each in checks)
        self._waiting: dict[str, list[Row]] = {}
        self._current: str | None = None

    def receive(self, row: Row) -> None:
        """Pass on a row and all that waited for it, or let it wait."""
        self._expected[row.subject] -= 1
        self._waiting.setdefault(row.subject, []).append(row)
        while True:
            self._current = self._current or next(iter(self._waiting), None)
            if self._current is None:
                return
            for each in self._waiting.pop(self._current, []):
                self._pass_on(each)
            if self._expected[self._current] > 0:
                return
            self._current = None
