"""The engine: runs one law on one subject, by Hypothesis, to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic  # by itself: a subject may replace `time.monotonic`
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Flaky, Unsatisfiable, UnsatisfiedAssumption

from ...strategies.values import Shape, pool
from ..laws.book import BY_ID
from ..laws.law import Law, Refutation, SubjectRaised
from ..laws.requirements.endings import ending
from ..proofs.provable import CHECKED, EXPLAINED, PROVABLE
from ..scripts.script import script
from .call_cache import CallCache
from .clock import own_time
from .databases.namespaced import NamespacedDatabase
from .examples import calls_of, examine, ran_as_it_is
from .liveness import confirmed, smaller
from .raising import judged_without
from .tally import Tally, shortage
from .verdict import Counterexample, Verdict

#: Hypothesis would shrink for up to 300 s: ten refuted slow laws would take an hour.
SHRINKING_SECONDS = 20.0
#: Hypothesis remembers all it drew, 6 KB an example: after so many a law starts afresh.
ROUND = 1000
NOT_REPEATABLE = "not repeatable: the failure did not recur on the same problem"


@dataclass(frozen=True)
class Effort:
    """How much to try: examples a law, the seed they are drawn from, seconds a law may take."""

    max_examples: int
    seed: int
    seconds: float = 300.0
    #: The shapes that batches are drawn from.
    shapes: tuple[Shape, ...] = field(default_factory=pool)
    #: Seconds for making a counterexample smaller; 0 leaves the first as it is.
    shrinking: float = SHRINKING_SECONDS
    database: ExampleDatabase | None = None
    #: Ask the prover first: a law that it shows for all inputs is drawn only a little.
    proofs: bool = False
    #: Whether a subject that gives no answer is reported by another law of the run.
    reported: bool = True
    #: Told the problems of an example before it runs: a process may die of them.
    begins: Callable[[tuple[Any, ...]], None] = lambda problems: None
    #: Told a failure as it is found: the process may die while it is made smaller.
    fails: Callable[[Refutation, tuple[Any, ...]], None] = lambda found, problems: None
    #: Told the number of judged examples as it grows.
    progress: Callable[[int], None] = lambda examples: None


def judge(law: Law, subject: Any, effort: Effort, memory: CallCache, target: str) -> Verdict:
    """Run a law on a subject and return its verdict; `target` is the subject as the user names it.

    Laws that draw from the same strategy with the same seed see the same problems in the same
    order, so that `memory` lets them share the calls.
    """
    from ...reference.trials.probe import tried_first  # here: a law book is read without JAX

    started = monotonic()
    memory.turn_to(subject)
    effort.begins(tried_first(subject))
    most = law.examples(effort.max_examples)
    asks = effort.proofs and law.id in PROVABLE
    # A few examples first: tracing a program under each optimizer takes longer than to refute it.
    verdict = _drawn(law, subject, effort, memory, target, min(most, CHECKED) if asks else most)
    proof = None
    if asks and verdict.outcome in ("held", "vacuous"):
        effort.begins(tried_first(subject))
        proof = _proof(law, subject)
    if proof is not None:
        verdict = replace(verdict, outcome="proved", reason=proof.sentence)
    elif asks and verdict.counterexample is None:
        lost = _lost_under_what_is_in_the_way(law, subject, effort, memory, target)
        if lost is not None:
            verdict = replace(lost, examples=verdict.examples + lost.examples)
        elif most > CHECKED:
            verdict = _drawn(law, subject, effort, memory, target, most)
    if effort.proofs and verdict.outcome == "refuted":
        _explain(law, subject, verdict)
    return replace(verdict, seconds=round(monotonic() - started, 3))


def _drawn(
    law: Law,
    subject: Any,
    effort: Effort,
    memory: CallCache,
    target: str,
    most: int,
    *,
    trusting: bool = True,
) -> Verdict:
    """Return the verdict that at most so many examples give.

    To see each smaller counterexample in the program as it is, all would have to be compiled: where
    `trusting`, the first and the smallest are.
    """
    # Here: a law book is read without JAX.
    from ...reference.observation.compilations import forget_programs, seconds_compiling

    tally = Tally()
    began, compiled = own_time(), seconds_compiling()

    def out_of_time() -> bool:
        # Neither other processes nor the compiler make the subject slow. Half: the other half is
        # left for shrinking and for the last example to come back.
        spent = own_time() - began - (seconds_compiling() - compiled)
        return spent > effort.seconds / 2

    def shrinking_long_enough() -> bool:
        allowed = min(effort.shrinking, effort.seconds / 4)
        return tally.failed_at is not None and own_time() > tally.failed_at + allowed

    def example(drawn: tuple[Any, ...]) -> None:
        try:
            judged(drawn)
        except (Refutation, UnsatisfiedAssumption, _GivenUp):
            raise
        except BaseException:
            tally.broken = True
            raise

    def judged(drawn: tuple[Any, ...]) -> None:
        problems = law.varies(subject, drawn)
        if problems in tally.failures:  # Hypothesis runs the smallest once more
            raise tally.failures[problems]
        if shrinking_long_enough():  # every further candidate passes at once
            return
        silent = tally.silent or memory.silent
        if tally.failed_at is None and tally.seen and (silent or out_of_time()):
            return
        if tally.failed_at is None and tally.by_optimizer.gives_up(problems[0]):
            raise _GivenUp
        # Here, and not once a law: two thousand examples can compile more than a process can hold.
        forget_programs()
        effort.begins(problems)
        try:
            trusted = trusting and tally.failed_at is not None
            examine(law, subject, problems, memory, tally, trusted=trusted)
        except Refutation as found:
            if ran_as_it_is(found):
                effort.fails(found, problems)
            raise
        effort.progress(tally.seen)

    strategy = law.draws(subject, effort.shapes)
    name = f"{target}::{law.id}"
    database = None if effort.database is None else NamespacedDatabase(effort.database, name)
    quietly = hypothesis.settings(
        database=database,
        deadline=None,  # the first example of each shape is a compilation
        phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if effort.shrinking else [])],
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )

    def draw(number: int, examples: int) -> list[tuple[Any, ...]] | None:
        problems: list[tuple[Any, ...]] | None = []

        def noted(drawn: tuple[Any, ...]) -> None:
            nonlocal problems
            try:
                example(drawn)
            except _GivenUp:
                problems = None  # others are drawn in its place, for this law alone
                hypothesis.reject()
            if problems is not None:
                problems.append(drawn)

        given = hypothesis.seed(f"{effort.seed}/{number}")(hypothesis.given(strategy)(noted))
        hypothesis.settings(quietly, max_examples=examples)(given)()
        return problems

    failed: tuple[Refutation, Tally] | None = None
    verdict: Verdict | None
    try:
        stream = id(subject), law.draws, effort.shapes, effort.seed, min(ROUND, most)
        known = memory.drawn.of(stream, database)
        try:
            for drawn in known or ():
                example(drawn)
        except Refutation as found:
            # Only Hypothesis makes it smaller: it draws the same once more, up to this failure.
            failed, tally, known = (found, tally), Tally(), None
        except _GivenUp:  # only Hypothesis draws others in the place of these
            tally, known = Tally(), None
        for number, start in enumerate(range(0, most, ROUND)):
            if number or known is None:
                problems = draw(number, min(ROUND, most - start))
                if not number and problems is not None:
                    memory.drawn.remember(stream, problems, database)
            if out_of_time():
                break
        if failed is not None:
            tally = failed[1]
            raise Flaky("a failure did not recur")
    except Refutation as found:
        shown = found if ran_as_it_is(found) else _shown(law, subject, found)
        verdict = None if shown is None else _refuted(law, subject, shown, tally, target)
    except Unsatisfiable:
        reason = "the subject promises no optimizer that this law is about"
        if isinstance(getattr(subject, "optimizers", None), st.SearchStrategy):
            reason += "; name rows of the catalogue by `Optimizers(…)`, since of others too little "
            reason += "is known"
        verdict = Verdict("not-run", 0, reason=reason)
    except (Exception, SystemExit, GeneratorExit) as error:
        if tally.broken:
            raise
        if isinstance(error, Flaky) and tally.failures:  # one passed when Hypothesis ran it again
            *_, last = filter(ran_as_it_is, tally.failures.values())
            verdict = _refuted(law, subject, last, tally, target, reason=NOT_REPEATABLE)
        else:
            verdict = Verdict("error", tally.judged, reason=f"drawing a problem {_ended(error)}")
    else:
        never = _confirmed(law, subject, tally)
        if never is not None:
            anew = hypothesis.settings(quietly, max_examples=min(ROUND, most), database=None)
            if seconds := min(effort.shrinking, effort.seconds / 4):
                names, calls = set(tally.never), partial(calls_of, law, subject, memory)
                asked = strategy.map(partial(law.varies, subject))
                never = smaller(law, subject, names, asked, calls, anew, seconds) or never
            verdict = _refuted(law, subject, never, tally, target)
        else:
            verdict = _unrefuted(law, tally, effort, cut=tally.seen < most and out_of_time())
    if verdict is None:  # not within `except`: Hypothesis looks at what a failure was raised in
        again = _drawn(law, subject, effort, memory, target, most, trusting=False)
        if again.counterexample is not None:
            return again
        first = next(filter(ran_as_it_is, tally.failures.values()))  # it was seen all the same
        return _refuted(law, subject, first, tally, target)
    if tally.unanswered is not None and not effort.reported and verdict.counterexample is None:
        silent = _drawn(BY_ID[tally.unanswered.law], subject, effort, memory, target, most)
        return verdict if silent.counterexample is None else silent
    return verdict


def _shown(law: Law, subject: Any, found: Refutation) -> Refutation | None:
    """Return what the program shows as it is of what another seemed to show; None if nothing."""
    try:
        examine(law, subject, found.facts["problems"], CallCache(), Tally(), shared=False)
    except Refutation as shown:
        return shown
    return None


def _ended(error: BaseException) -> str:
    """Say how a drawing ended: Hypothesis tells what did not recur as a group of exceptions."""
    if isinstance(error, BaseExceptionGroup) and isinstance(error, Flaky):
        return f"{ending(error.exceptions[0])}, and did not when it was drawn again"
    return ending(error)


class _GivenUp(Exception):
    """An example is under an optimizer under which the subject always raised."""


def _proof(law: Law, subject: Any) -> Any:
    """Return the proof that a law holds for all inputs of a subject, if there is one."""
    from ..proofs.judging import proved_laws  # here: a law book is read without JAX

    return proved_laws(subject).get(law.id)


def _lost_under_what_is_in_the_way(
    law: Law, subject: Any, effort: Effort, memory: CallCache, target: str
) -> Verdict | None:
    """Return the refutation under the one optimizer for which the prover has no proof, if a few
    examples give one: of a promise of many, each comes up seldom.
    """
    from ..proofs.judging import under_what_is_in_the_way

    narrowed = under_what_is_in_the_way(law.id, subject)
    verdict = narrowed and _drawn(law, narrowed, effort, memory, target, CHECKED)
    return verdict if verdict and verdict.outcome == "refuted" else None


def _explain(law: Law, subject: Any, verdict: Verdict) -> None:
    """Add to a counterexample the equation of the program that is to blame, if one is found."""
    assert verdict.counterexample is not None, "only what was refuted is explained"
    if law.id not in EXPLAINED or not verdict.counterexample.problems:
        return
    from ..proofs.judging import explanation_of

    try:
        problem = subject.read_problem(verdict.counterexample.problems[0])
    except ValueError:  # a record does not tell how a strategy of the user's made its optimizer
        return
    facts = verdict.counterexample.facts
    equation = explanation_of(law.id, subject, problem, str(facts.get("leaf", "")))
    if equation is not None:
        facts["equation"] = equation


def _refuted(
    law: Law,
    subject: Any,
    found: Refutation,
    tally: Tally,
    target: str,
    reason: str | None = None,
) -> Verdict:
    facts = dict(found.facts)
    problems, calls = facts.pop("problems"), facts.pop("calls")
    recorded = [problem.record() for problem in problems]
    if reason is None and _refutation_of(law, subject, problems) is None:
        reason = NOT_REPEATABLE
    message = str(found)
    return Verdict(
        "error" if isinstance(found, SubjectRaised) else "refuted",
        tally.judged,
        reason=f"{message} ({reason})" if reason else message,
        counterexample=Counterexample(
            law.statement,
            message,
            recorded,
            facts,
            *_looked_at(law, subject, problems, calls, found),
        ),
        reproduce=script(law, target, calls, found),
        labels=dict(tally.labels),
    )


def _looked_at(
    law: Law, subject: Any, problems: Sequence[Any], calls: Sequence[Any], found: Refutation
) -> tuple[Any, Any, str | None, Any]:
    """Return the course of a counterexample, its drift, its cause and fault: extras, for which
    nothing is lost.
    """
    from .causes.finding import cause_of
    from .counterexample import courses, drift  # here, since a law book is read without JAX

    try:
        cause = cause_of(law, subject, calls, found)
        told = (cause.text, cause.fault) if cause else (None, None)
        return courses(calls), drift(subject, problems[0], calls[0]), *told
    except (Exception, SystemExit):  # the subject may raise in a step that it was not asked before
        return [], {}, None, None


def refutation(law: Law, subject: Any, problems: list[dict[str, Any]]) -> str | None:
    """Judge recorded problems, on calls that nobody remembers; returns the refutation, or what the
    subject did in place of an answer, or None.
    """
    read, tally = tuple(subject.read_problem(problem) for problem in problems), Tally()
    found = _refutation_of(law, subject, read, tally)
    return tally.unanswered.how if found is None and tally.unanswered else found


def _refutation_of(
    law: Law, subject: Any, problems: tuple[Any, ...], tally: Tally | None = None
) -> str | None:
    tally = tally or Tally()
    try:
        examine(law, subject, problems, CallCache(), tally, shared=False)
        never = _confirmed(law, subject, tally)
        if never is not None:
            raise never
    except Refutation as found:
        return str(found)
    return None


def _confirmed(law: Law, subject: Any, tally: Tally) -> Refutation | None:
    """Return what never happened although it should have; what never mattered gets a label."""
    never, idle, untold = confirmed(law, subject, tally.never)
    tally.untold = untold or tally.untold
    tally.idle = frozenset(idle)
    tally.labels.update({f"never mattered: {name}": count for name, count in idle.items()})
    return never


def _unrefuted(law: Law, tally: Tally, effort: Effort, *, cut: bool) -> Verdict:
    labels = dict(tally.labels)
    labels |= {f"inconclusive: {reason}": n for (reason, _), n in tally.inconclusive.items()}
    outcome, reason = "held", None
    if (few := shortage(law, tally, cut=cut)) is not None:
        outcome, reason = few
    else:
        stopped = (
            f"stopped after {tally.seen} of {law.examples(effort.max_examples)} examples: the law "
            f"has {effort.seconds:g} s, half of them for drawing"
        )
        said = [judged_without(tally.by_optimizer.raising), stopped if cut else None]
        reason = "; ".join(filter(None, said)) or None
    return Verdict(outcome, tally.judged, reason=reason, labels=labels)  # type: ignore[arg-type]
