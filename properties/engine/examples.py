"""One example: a subject is run on its problems, and judged by a law."""

from __future__ import annotations

from typing import Any

from ...reference.subjects.capability import Capability
from ..laws.book import looks_at_predictions
from ..laws.law import Inconclusive, Law, Refutation, collect
from .call_cache import CallCache
from .clock import own_time
from .example_labels import traits
from .tally import Tally

#: The label of examples that ran by the program of an earlier training; all others ran as they are.
SHARED = "by the program of an earlier training"


def examine(
    law: Law,
    subject: Any,
    problems: tuple[Any, ...],
    memory: CallCache,
    tally: Tally,
    *,
    shared: bool = True,
    trusted: bool = False,
) -> None:
    """Run the subject on one example's problems and judge it, counting what was seen.

    `shared` lets trainings of one structure share a program. Such a run refutes nothing: a failure
    counts only if the program shows it as it is, here, or, where it is `trusted`, later: see
    `ran_as_it_is`.
    """
    calls = calls_of(law, subject, memory, problems, shared=shared)
    try:
        try:
            labels, observed = collect(lambda: law.check(*calls))
        except Refutation:
            if trusted or not any(map(_shared, calls)):
                raise
            calls = calls_of(law, subject, memory, problems, shared=False)
            labels, observed = collect(lambda: law.check(*calls))
    except Inconclusive as reason:
        if tally.failed_at is None:
            tally.leave_aside(reason, problems[0])
    except Refutation as found:
        found.facts |= {"problems": problems, "calls": calls}
        if excuse := law.excuse(subject, found):
            if tally.failed_at is None:
                tally.untold = Inconclusive(excuse, subject=True)
                tally.leave_aside(tally.untold, problems[0])
            return
        if tally.failed_at is None:
            tally.failed_at = own_time()
            tally.judged += 1
        # Hypothesis would tell it from the same failure that was not seen in another program first.
        found.__context__ = None
        tally.failures[problems] = found
        raise
    else:
        if tally.failed_at is None:
            tally.judged += 1
            tally.by_optimizer.note(problems[0], finished=True)
            tally.labels.update(labels)
            tally.labels.update(traits(problems[0]))
            tally.labels.update([SHARED] * any(map(_shared, calls)))
            tally.note(observed, problems, calls)


def ran_as_it_is(found: Refutation) -> bool:
    """Tell whether all runs behind a refutation of `examine` are of the program as it is."""
    return not any(map(_shared, found.facts["calls"]))


def calls_of(
    law: Law, subject: Any, memory: CallCache, problems: tuple[Any, ...], *, shared: bool = True
) -> list[Any]:
    """Return what the subject did with each problem of an example."""
    # All of an example alike: a program's `predict` may advance what its next step depends on.
    predicted = memory.knows(subject, problems[0]) or (
        looks_at_predictions(law) and _predicts(subject)
    )
    return [
        memory.run(
            subject,
            problem,
            watched=law.watched,
            fresh=not shared or (law.fresh_from is not None and number >= law.fresh_from),
            shared=shared,
            predicted=predicted,
        )
        for number, problem in enumerate(problems)
    ]


def _predicts(subject: Any) -> bool:
    # Here: a law book is read without JAX.
    from ...reference.trials.probe import capabilities_of

    return Capability.PREDICT in capabilities_of(subject)


def _shared(call: Any) -> bool:
    """Tell whether a call ran by the program of another: an exercise, or a wrapper, never does."""
    return getattr(call, "shared", False)
