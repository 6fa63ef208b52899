"""The examples of one law on one subject: drawn by Hypothesis, and judged until one fails."""

from __future__ import annotations

from functools import partial
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.errors import Flaky, UnsatisfiedAssumption

from ..laws.law import Law, Refutation
from .call_cache import CallCache
from .clock import own_time
from .databases.namespaced import NamespacedDatabase
from .effort import Effort
from .examples import calls_of, examine, ran_as_it_is
from .liveness import smaller
from .tally import Tally

#: Hypothesis remembers all it drew, 6 KB an example: after so many a law starts afresh.
ROUND = 1000


class Drawing:
    """At most so many examples of a law on a subject; `target` is the subject as the user names it.

    To see each smaller counterexample in the program as it is, all would have to be compiled: where
    `trusting`, the first and the smallest are.
    """

    def __init__(
        self,
        law: Law,
        subject: Any,
        effort: Effort,
        memory: CallCache,
        target: str,
        most: int,
        *,
        trusting: bool,
    ) -> None:
        self.law, self.subject, self.effort, self.memory = law, subject, effort, memory
        #: What was seen, until the first failure.
        self.tally = Tally()
        self._most, self._trusting = most, trusting
        self._strategy = law.draws(subject, effort.shapes)
        name = f"{target}::{law.id}"
        kept = effort.database
        self._database = None if kept is None else NamespacedDatabase(kept, name)
        self._settings = hypothesis.settings(
            database=self._database,
            deadline=None,  # the first example of each shape is a compilation
            phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if effort.shrinking else [])],
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        self._began, self._compiled = own_time(), _seconds_compiling()

    def run(self) -> None:
        """Draw and judge; what another law drew from the same strategy is not drawn again.

        Raises:
            Refutation: an example failed; it is the smallest that was found in the time.
            Flaky: an example failed, and did not when it was run again.
            Unsatisfiable: there is nothing to draw.
            Exception: the strategy raised, or, where `tally.broken`, judging did.
        """
        effort = self.effort
        stream = id(self.subject), self.law.draws, effort.shapes, effort.seed, self._one_round
        known = self.memory.drawn.of(stream, self._database)
        failed: Tally | None = None
        try:
            for drawn in known or ():
                self._example(drawn)
        except Refutation:
            # Only Hypothesis makes it smaller: it draws the same once more, up to this failure.
            failed, self.tally, known = self.tally, Tally(), None
        except _GivenUp:  # only Hypothesis draws others in the place of these
            self.tally, known = Tally(), None
        for number, start in enumerate(range(0, self._most, ROUND)):
            if number or known is None:
                problems = self._draw(number, min(ROUND, self._most - start))
                if not number and problems is not None:
                    self.memory.drawn.remember(stream, problems, self._database)
            if self._is_out_of_time():
                break
        if failed is not None:
            self.tally = failed
            raise Flaky("a failure did not recur")

    def smaller(self, never: Refutation) -> Refutation:
        """Return what never happened in the smallest example that is found in the time."""
        seconds = min(self.effort.shrinking, self.effort.seconds / 4)
        if not seconds:
            return never
        anew = hypothesis.settings(self._settings, max_examples=self._one_round, database=None)
        asked = self._strategy.map(partial(self.law.varies, self.subject))
        calls = partial(calls_of, self.law, self.subject, self.memory)
        names = set(self.tally.never)
        return smaller(self.law, self.subject, names, asked, calls, anew, seconds) or never

    @property
    def was_cut(self) -> bool:
        """Whether time ran out before all examples were seen."""
        return self.tally.seen < self._most and self._is_out_of_time()

    @property
    def _one_round(self) -> int:
        return min(ROUND, self._most)

    def _is_out_of_time(self) -> bool:
        # Neither other processes nor the compiler make the subject slow. Half: the other half is
        # left for shrinking and for the last example to come back.
        spent = own_time() - self._began - (_seconds_compiling() - self._compiled)
        return spent > self.effort.seconds / 2

    def _is_shrunk_long_enough(self) -> bool:
        allowed = min(self.effort.shrinking, self.effort.seconds / 4)
        return self.tally.failed_at is not None and own_time() > self.tally.failed_at + allowed

    def _draw(self, number: int, examples: int) -> list[tuple[Any, ...]] | None:
        """Return what Hypothesis drew; None where it took others in the place of some."""
        problems: list[tuple[Any, ...]] | None = []

        def noted(drawn: tuple[Any, ...]) -> None:
            nonlocal problems
            try:
                self._example(drawn)
            except _GivenUp:
                problems = None  # others are drawn in its place, for this law alone
                hypothesis.reject()
            if problems is not None:
                problems.append(drawn)

        seed = hypothesis.seed(f"{self.effort.seed}/{number}")
        given = seed(hypothesis.given(self._strategy)(noted))
        hypothesis.settings(self._settings, max_examples=examples)(given)()
        return problems

    def _example(self, drawn: tuple[Any, ...]) -> None:
        try:
            self._judge(drawn)
        except (Refutation, UnsatisfiedAssumption, _GivenUp):
            raise
        except BaseException:
            self.tally.broken = True
            raise

    def _judge(self, drawn: tuple[Any, ...]) -> None:
        # Here: a law book is read without JAX.
        from ...reference.observation.compilations import forget_programs

        tally = self.tally
        problems = self.law.varies(self.subject, drawn)
        if problems in tally.failures:  # Hypothesis runs the smallest once more
            raise tally.failures[problems]
        if self._is_shrunk_long_enough():  # every further candidate passes at once
            return
        if tally.failed_at is None:
            silent = tally.silent or self.memory.silent
            if tally.seen and (silent or self._is_out_of_time()):
                return
            if tally.by_optimizer.gives_up(problems[0]):
                raise _GivenUp
        # Here, and not once a law: two thousand examples can compile more than a process can hold.
        forget_programs()
        self.effort.begins(problems)
        try:
            trusted = self._trusting and tally.failed_at is not None
            examine(self.law, self.subject, problems, self.memory, tally, trusted=trusted)
        except Refutation as found:
            if ran_as_it_is(found):
                self.effort.fails(found, problems)
            raise
        self.effort.progress(tally.seen)


class _GivenUp(Exception):
    """An example is under an optimizer under which the subject always raised."""


def _seconds_compiling() -> float:
    # Here: a law book is read without JAX.
    from ...reference.observation.compilations import seconds_compiling

    return seconds_compiling()
