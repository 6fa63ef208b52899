"""What never happened in a run although it should have: confirmed, and shown in a small example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hypothesis
from hypothesis.errors import Flaky

from ..laws.law import Inconclusive, Law, Refutation, collect
from .clock import own_time

#: One example: makes its calls and returns them.
Calls = Callable[[tuple[Any, ...]], list[Any]]


def confirmed(
    law: Law, subject: Any, never: Mapping[str, Sequence[Refutation]]
) -> tuple[Refutation | None, dict[str, int], Inconclusive | None]:
    """Return a failure to do what should have happened, how often something came up before it that
    did not matter, and the first case in which nobody can tell whether it should have happened.
    """
    idle: dict[str, int] = {}
    untold: Inconclusive | None = None
    for name, failures in never.items():
        answers = []
        for failure in failures:
            try:
                answers.append(law.confirm is None or law.confirm(subject, failure))
            except Inconclusive as reason:
                untold = untold or reason
            if any(answers):
                return failure, idle, untold
        if answers and None not in answers:
            idle[name] = len(failures)
    return None, idle, untold


def _should_have(law: Law, subject: Any, failure: Refutation) -> bool:
    try:
        return law.confirm is None or law.confirm(subject, failure) is True
    except Inconclusive:
        return False


def smaller(
    law: Law,
    subject: Any,
    names: set[str],
    strategy: Any,
    call: Calls,
    settings: hypothesis.settings,
    seconds: float,
) -> Refutation | None:
    """Return one of these names that did not happen, in the smallest example that is found in the
    time; what happens after all is no longer looked for.
    """
    found: dict[Any, Refutation] = {}
    until = own_time() + seconds

    def example(problems: tuple[Any, ...]) -> None:
        if own_time() > until:  # every further candidate passes, and the best fails as it did
            if problems in found:
                raise found[problems]
            return
        calls = call(problems)
        try:
            _, observed = collect(lambda: law.check(*calls))
        except (Inconclusive, Refutation):  # about something else
            return
        for name in sorted(names & observed.keys()):
            failure = observed[name]
            if failure is None:
                names.discard(name)
                continue
            failure.facts |= {"problems": problems, "calls": calls}
            if _should_have(law, subject, failure):
                found[problems] = failure
                raise failure

    try:
        settings(hypothesis.seed(0)(hypothesis.given(strategy)(example)))()
    except Refutation as failure:
        return failure
    except Flaky:  # what did not happen in an example happened when it was run again
        pass
    return None
