"""The engine: runs one law on one subject, by Hypothesis, to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic  # by itself: a subject may replace `time.monotonic`
from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from ..laws.book import BY_ID
from ..laws.law import Law, Refutation, SubjectRaised
from ..laws.requirements.endings import ending
from ..proofs.provable import CHECKED, EXPLAINED, PROVABLE
from ..scripts.script import script
from .call_cache import CallCache
from .drawing import Drawing
from .effort import Effort
from .examples import examine, ran_as_it_is
from .liveness import confirmed
from .raising import judged_without
from .tally import Tally, shortage
from .verdict import Counterexample, Verdict

NOT_REPEATABLE = "not repeatable: the failure did not recur on the same problem"


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
    """Return the verdict that at most so many examples give."""
    drawing = Drawing(law, subject, effort, memory, target, most, trusting=trusting)
    verdict = _verdict(drawing, target)
    tally = drawing.tally
    if verdict is None:  # not where it was caught: Hypothesis looks at what it was raised in
        again = _drawn(law, subject, effort, memory, target, most, trusting=False)
        if again.counterexample is not None:
            return again
        first = next(filter(ran_as_it_is, tally.failures.values()))  # it was seen all the same
        return _refuted(law, subject, first, tally, target)
    if tally.unanswered is not None and not effort.reported and verdict.counterexample is None:
        silent = _drawn(BY_ID[tally.unanswered.law], subject, effort, memory, target, most)
        return verdict if silent.counterexample is None else silent
    return verdict


def _verdict(drawing: Drawing, target: str) -> Verdict | None:
    """Return the verdict on what is drawn; None where the smallest failure that was found is not
    one of the program as it is.
    """
    law, subject = drawing.law, drawing.subject
    try:
        drawing.run()
    except Refutation as found:
        shown = found if ran_as_it_is(found) else _shown(law, subject, found)
        return None if shown is None else _refuted(law, subject, shown, drawing.tally, target)
    except Unsatisfiable:
        reason = "the subject promises no optimizer that this law is about"
        if isinstance(getattr(subject, "optimizers", None), st.SearchStrategy):
            reason += "; name rows of the catalogue by `Optimizers(…)`, since of others too little "
            reason += "is known"
        return Verdict("not-run", 0, reason=reason)
    except (Exception, SystemExit, GeneratorExit) as error:
        tally = drawing.tally
        if tally.broken:
            raise
        if isinstance(error, Flaky) and tally.failures:  # one passed when Hypothesis ran it again
            *_, last = filter(ran_as_it_is, tally.failures.values())
            return _refuted(law, subject, last, tally, target, reason=NOT_REPEATABLE)
        return Verdict("error", tally.judged, reason=f"drawing a problem {_ended(error)}")
    never = _confirmed(law, subject, drawing.tally)
    if never is not None:
        return _refuted(law, subject, drawing.smaller(never), drawing.tally, target)
    return _unrefuted(law, drawing.tally, drawing.effort, cut=drawing.was_cut)


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
